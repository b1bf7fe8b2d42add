/** Header names of the client API, as they are sent. Names in HTTP are compared without regard to case. */

/** Causal context, base64url without padding; both ways. */
export const CONTEXT_HEADER = "X-Dynamo-Context";

/** The client's name for a request: a retry of a write with the same one is the same write. On every answer. */
export const REQUEST_ID_HEADER = "X-Dynamo-Request-Id";

/** `answered/total`: how many of the key's owners a read rests on. */
export const OWNERS_HEADER = "X-Dynamo-Owners";

/** When the one value of a 200 was written, by the coordinator's clock (ISO 8601). Shown, never compared. */
export const MODIFIED_HEADER = "X-Dynamo-Modified";

/** Longest request id, in characters 0x21 to 0x7e. */
export const REQUEST_ID_LENGTH_MAX = 64;

/** Longest context, in characters of the header: room for every context that a node gives out. */
export const CONTEXT_HEADER_LENGTH_MAX = 88 * 1024;

export const BUCKET_BYTES_MAX = 255;
export const KEY_BYTES_MAX = 1024;
export const CONTENT_TYPE_LENGTH_MAX = 255;
export const CONTENT_TYPE_DEFAULT = "application/octet-stream";
