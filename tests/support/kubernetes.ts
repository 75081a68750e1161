/** Manifests of Kubernetes, checked against its published schemas. */

import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Service } from "kubernetes-models/v1/Service";
import { parse, parseAllDocuments } from "yaml";

/** A resource, as tests look at it. */
// deno-lint-ignore no-explicit-any
export type Resource = any;

/** Kinds that are known, by API version and kind. Their checks are made of Kubernetes' OpenAPI, by Ajv. */
const KINDS: Readonly<Record<string, { readonly prototype: { validate(): void } }>> = {
  "apps/v1 Deployment": Deployment,
  "autoscaling/v2 HorizontalPodAutoscaler": HorizontalPodAutoscaler,
  "policy/v1 PodDisruptionBudget": PodDisruptionBudget,
  "v1 ConfigMap": ConfigMap,
  "v1 Service": Service,
};

/** What a YAML file has in it. */
export function resourceIn(text: string): Resource {
  return parse(text);
}

/** The resources in a text of several documents. */
export function resourcesIn(text: string): Resource[] {
  return parseAllDocuments(text).map((document) => document.toJS());
}

/**
 * What is wrong with a resource: values that the schemas refuse, and fields that they do not know. The schemas
 * let these be, as a server does that ignores them: a field that no check has read is none of theirs.
 */
export function faultsOf(resource: Resource): string[] {
  const model = KINDS[`${resource.apiVersion} ${resource.kind}`];
  if (model === undefined) return [`${resource.apiVersion} ${resource.kind} is not known`];
  const seen: Seen[] = [];
  const followed = follow(resource, "", seen);
  try {
    model.prototype.validate.call(followed);
  } catch (error) {
    return [(error as Error).message];
  }
  return seen.flatMap(({ path, names, read }) =>
    names.filter((name) => !read.has(name)).map((name) => `${path}/${name} is unknown`)
  );
}

/** An object, and which of its fields were read. */
interface Seen {
  readonly path: string;
  readonly names: readonly string[];
  readonly read: ReadonlySet<unknown>;
}

function follow(value: unknown, path: string, seen: Seen[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  const read = new Set<unknown>();
  seen.push({ path, names: Object.keys(value), read });
  const followed = Array.isArray(value)
    ? value.map((each, index) => follow(each, `${path}/${index}`, seen))
    : Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, follow(each, `${path}/${name}`, seen)]),
    );
  return new Proxy(followed, {
    get(target, name, receiver) {
      read.add(name);
      return Reflect.get(target, name, receiver);
    },
  });
}
