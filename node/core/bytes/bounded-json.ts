import { decodeUtf8, MalformedBytes } from "./byte-reader.ts";

/** Deeper than any document of ours: whatever walks a parsed value recursively is safe. */
export const JSON_DEPTH_MAX = 64;

/**
 * JSON that comes from outside this process. Parsing takes any depth, but a hundred thousand nested arrays end the first
 * recursion over them (a digest, a message about them) with a RangeError. Throws MalformedBytes.
 */
export function parseBoundedJson(bytes: Uint8Array): unknown {
  const depth = deepestOf(bytes);
  if (depth > JSON_DEPTH_MAX)
    throw new MalformedBytes(`JSON nested ${depth} deep, more than ${JSON_DEPTH_MAX}`);
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch (error) {
    throw new MalformedBytes(`not JSON in UTF-8 (${error instanceof Error ? error.message : "unreadable"})`);
  }
}

/** Of brackets outside strings; exact for valid JSON, and stops counting once it is too deep. */
function deepestOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < bytes.length && deepest <= JSON_DEPTH_MAX; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) depth -= 1;
  }
  return deepest;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
