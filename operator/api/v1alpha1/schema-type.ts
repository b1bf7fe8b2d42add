/**
 * The TypeScript type that a schema describes, so that the CRD and the code cannot drift apart: the schema is written
 * once, as data; the API server validates with it and the compiler reads the objects' types out of it. Only what the
 * CRD uses is supported. A property with a default is always present, because the API server fills it in.
 */
export interface Schema {
  readonly type?: "object" | "string" | "integer" | "boolean" | "array";
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly "x-kubernetes-int-or-string"?: true;
  readonly "x-kubernetes-preserve-unknown-fields"?: true;
  readonly "x-kubernetes-list-type"?: "map" | "set" | "atomic";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-validations"?: readonly ValidationRule[];
}

/** A CEL rule; `message` says what to do. */
export interface ValidationRule {
  readonly rule: string;
  readonly message: string;
}

type Present<S extends Schema> = {
  [K in keyof S["properties"]]: S["properties"][K] extends { readonly default: unknown }
    ? K
    : S["required"] extends readonly (infer R)[]
      ? K extends R
        ? K
        : never
      : never;
}[keyof S["properties"]];

type ObjectOf<S extends Schema> = {
  readonly [K in Present<S>]: S["properties"][K] extends Schema ? FromSchema<S["properties"][K]> : never;
} & {
  readonly [K in Exclude<keyof S["properties"], Present<S>>]?: S["properties"][K] extends Schema
    ? FromSchema<S["properties"][K]>
    : never;
};

export type FromSchema<S extends Schema> = S extends { readonly enum: readonly (infer E)[] }
  ? E
  : S extends { readonly "x-kubernetes-int-or-string": true }
    ? string | number
    : S extends { readonly type: "string" }
      ? string
      : S extends { readonly type: "integer" }
        ? number
        : S extends { readonly type: "boolean" }
          ? boolean
          : S extends { readonly type: "array"; readonly items: infer I extends Schema }
            ? readonly FromSchema<I>[]
            : S extends { readonly properties: object }
              ? ObjectOf<S>
              : S extends { readonly additionalProperties: infer A extends Schema }
                ? Readonly<Record<string, FromSchema<A>>>
                : unknown;
