import {
  CONTEXT_HEADER,
  CONTENT_TYPE_DEFAULT,
  MODIFIED_HEADER,
  OWNERS_HEADER,
} from "../../node/contract/http-headers.ts";
import { DynamoError } from "../dynamo-error.ts";
import type { OwnersAnswered } from "../entry.ts";
import type { Sibling } from "../value.ts";
import { errorOfAnswer, headerOf, isObject, parseJson, type Asked } from "./error-answer.ts";
import type { Answer } from "./http-exchange.ts";

/**
 * The three results of a read: 200 one value, 300 several, 404 none. A 404 counts only if a node gave it: one that
 * does not look like ours (a proxy's, a wrong port's) must never pass as "there is no such key".
 */
export interface ReadAnswer {
  readonly siblings: readonly Sibling[];
  readonly context: string;
  readonly owners: OwnersAnswered | undefined;
}

export function readAnswer(answer: Answer, asked: Asked): ReadAnswer {
  const context = headerOf(answer, CONTEXT_HEADER);
  const owners = ownersOf(headerOf(answer, OWNERS_HEADER));
  switch (answer.status) {
    case 200: {
      const contentType = headerOf(answer, "content-type") || CONTENT_TYPE_DEFAULT;
      const modified = dateOf(headerOf(answer, MODIFIED_HEADER));
      if (context === "") throw badAnswer("a value without a context", asked);
      return { siblings: [{ value: answer.body, contentType, modified }], context, owners };
    }
    case 300:
      return { siblings: siblingsOf(answer, asked), context, owners };
    default: {
      const error = errorOfAnswer(answer, asked);
      if (error.code !== "key_not_found") throw error;
      return { siblings: [], context, owners };
    }
  }
}

function ownersOf(header: string): OwnersAnswered | undefined {
  const match = /^(\d+)\/(\d+)$/.exec(header);
  return match === null ? undefined : { answered: Number(match[1]), total: Number(match[2]) };
}

function siblingsOf(answer: Answer, asked: Asked): Sibling[] {
  const body = parseJson(answer.body);
  const list = isObject(body) ? body["siblings"] : undefined;
  if (!Array.isArray(list) || list.length < 2) throw badAnswer("300 without a list of siblings", asked);
  return list.map((item: unknown) => {
    if (!isObject(item) || typeof item["value"] !== "string" || typeof item["contentType"] !== "string") {
      throw badAnswer("a sibling without value and contentType", asked);
    }
    const { value, contentType, modified } = item;
    return {
      value: Buffer.from(value, "base64"),
      contentType,
      modified: dateOf(typeof modified === "string" ? modified : ""),
    };
  });
}

function dateOf(text: string): Date | undefined {
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : new Date(milliseconds);
}

function badAnswer(what: string, asked: Asked): DynamoError {
  return new DynamoError(
    `${asked.endpoint} answered ${what}: is it a DynamoKV node of a version that we know?`,
    {
      code: "bad_answer",
      requestId: asked.requestId,
      endpoint: asked.endpoint,
    },
  );
}
