/**
 * A spec beyond each limit that the schema sets, made from the schema itself: a limit that is added is tested without
 * anybody thinking of it.
 */
import { specSchema } from "../../operator/api/v1alpha1/spec-schema.ts";
import type { Schema } from "../../operator/api/v1alpha1/schema-type.ts";

export interface BeyondLimit {
  /** "spec.settings.siblingsMax: below its minimum". */
  readonly what: string;
  readonly spec: object;
  /** What the API server must say. */
  readonly sentence: string;
}

/** For each minimum, maximum, list of allowed words and length in the spec. */
export function beyondLimits(): readonly BeyondLimit[] {
  return limitsOf(specSchema, []).map(({ path, what, value, says }) => ({
    what: `${dotted(path)}: ${what}`,
    spec: { size: 3, ...(nested(path, value) as object) },
    sentence: `${dotted(path)}${says}`,
  }));
}

interface Limit {
  readonly path: readonly string[];
  readonly what: string;
  readonly value: unknown;
  readonly says: string;
}

function limitsOf(schema: Schema, path: readonly string[]): readonly Limit[] {
  const { minimum, maximum, maxLength, maxItems } = schema;
  const limits: Limit[] = [];
  const add = (what: string, value: unknown, says: string): unknown =>
    limits.push({ path, what, value, says });
  if (minimum !== undefined)
    add("below its minimum", minimum - 1, ` in body should be greater than or equal to ${minimum}`);
  if (maximum !== undefined)
    add("above its maximum", maximum + 1, ` in body should be less than or equal to ${maximum}`);
  if (schema.enum !== undefined) {
    const words = schema.enum.map((word) => `"${word}"`).join(", ");
    add(
      "no word of its list",
      "no-such-word",
      `: Unsupported value: "no-such-word": supported values: ${words}`,
    );
  }
  if (maxLength !== undefined)
    add("too long", "x".repeat(maxLength + 1), `: Too long: may not be more than ${maxLength} bytes`);
  if (maxItems !== undefined) {
    const items = Array.from({ length: maxItems + 1 }, (_, index) =>
      schema.items?.type === "object" ? {} : `i${index}`,
    );
    add("too many", items, `: Too many: ${maxItems + 1}: must have at most ${maxItems} items`);
  }
  const deeper = Object.entries(schema.properties ?? {}).flatMap(([name, each]) =>
    limitsOf(each, [...path, name]),
  );
  return [...limits, ...deeper];
}

function nested(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
}

function dotted(path: readonly string[]): string {
  return ["spec", ...path].join(".");
}
