/** Answers what is worth compressing: JSON of 16 KiB, and text of 1 MiB. */

const people = Array.from({ length: 170 }, (_, index) => ({
  id: index,
  name: `person ${index * 7_919 % 10_007}`,
  mail: `person.${index * 104_729 % 100_003}@example.com`,
  score: Math.round(1e9 * Math.abs(Math.sin(index))) / 1e9,
}));

/** JSON of about 16 KiB. */
export const json: string = JSON.stringify(people);
/** Text of about 1 MiB, in lines that differ. */
export const text: string = Array.from(
  { length: 64 },
  (_, index) => json.replaceAll("person", `person of group ${index}`),
).join("\n").slice(0, 1_048_576);

export default {
  fetch(request: Request): Response {
    return request.url.endsWith("/json")
      ? new Response(json, { headers: { "content-type": "application/json" } })
      : new Response(text);
  },
} satisfies Deno.ServeDefaultExport;
