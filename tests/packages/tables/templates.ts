/** Templates and what renders pages. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const TEMPLATES: readonly PackageRow[] = [
  ["ejs@7.0.2", "d.render('<%= a %>', { a: '<b>' })"],
  ["handlebars@4.7.10", "d.compile('{{a}}')({ a: '<b>' })"],
  ["pug@3.0.4", "d.render('p= a', { a: '<b>' })"],
  ["mustache@4.2.0", "d.render('{{a}}', { a: '<b>' })"],
  ["nunjucks@3.2.4", "d.renderString('{{ a | upper }}', { a: 'b' })"],
  ["eta@4.6.0", "new m.Eta().renderString('<%= it.a %>', { a: '<b>' })"],
  ["liquidjs@10.30.1", "await new m.Liquid().parseAndRender('{{ a | upcase }}', { a: 'b' })"],
  ["hbs@4.3.1", "typeof d.registerHelper"],
  ["twig@3.0.0", "d.twig({ data: '{{ a }}' }).render({ a: 'b' })"],
  ["lit-html@3.3.3", "typeof m.html"],
  ["mjml@5.4.1", "typeof d"],
];
