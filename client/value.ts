import { DynamoError } from "./dynamo-error.ts";

/**
 * What an application stores. The store itself knows bytes with a content type; this file gives bytes, text and
 * JSON their natural dress: Uint8Array as they are, a string as UTF-8 text, anything else as JSON.
 */
export type Value = Uint8Array | string | JsonValue;
export type JsonValue = null | boolean | number | readonly unknown[] | { readonly [name: string]: unknown };

/** One version of a key's value; several at once are concurrent: neither writer had seen the other's. */
export interface Sibling {
  readonly value: Uint8Array;
  readonly contentType: string;
  /** When its coordinator took it, by that node's clock; undefined where the server did not say. */
  readonly modified: Date | undefined;
}

export interface EncodedValue {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** Throws DynamoError invalid_argument for what JSON cannot say (undefined, functions, cycles). */
export function encodeValue(value: Value, contentType: string | undefined): EncodedValue {
  if (value instanceof Uint8Array)
    return { bytes: value, contentType: contentType ?? "application/octet-stream" };
  if (typeof value === "string") {
    return { bytes: Buffer.from(value, "utf8"), contentType: contentType ?? "text/plain; charset=utf-8" };
  }
  return { bytes: Buffer.from(jsonText(value), "utf8"), contentType: contentType ?? "application/json" };
}

function jsonText(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new DynamoError(`the value cannot be written as JSON: ${String(cause)}`, {
      code: "invalid_argument",
      cause,
    });
  }
  if (text === undefined) {
    throw new DynamoError(`a value of type ${typeof value} cannot be stored; use delete() to remove a key`, {
      code: "invalid_argument",
    });
  }
  return text;
}

/** Throws DynamoError bad_answer where the bytes are not UTF-8. */
export function textOf(sibling: Sibling): string {
  try {
    return strictUtf8.decode(sibling.value);
  } catch (cause) {
    throw new DynamoError("the value is not UTF-8 text; read its bytes instead", {
      code: "bad_answer",
      cause,
    });
  }
}

/** Throws DynamoError bad_answer where the bytes are not JSON. */
export function jsonOf(sibling: Sibling): unknown {
  try {
    return JSON.parse(textOf(sibling)) as unknown;
  } catch (cause) {
    if (cause instanceof DynamoError) throw cause;
    throw new DynamoError(`the value is not JSON: ${String(cause)}`, { code: "bad_answer", cause });
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
