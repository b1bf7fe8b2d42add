/** Why a request is refused before it reaches the coordinator. A value, not an exception: bad input is expected. */
export class BadRequest {
  readonly status: number;
  readonly code: BadRequestCode;
  readonly message: string;

  constructor(status: number, code: BadRequestCode, message: string) {
    this.status = status;
    this.code = code;
    this.message = message;
  }
}

export type BadRequestCode =
  | "not_found"
  | "method_not_allowed"
  | "invalid_target"
  | "invalid_bucket"
  | "invalid_key"
  | "invalid_query"
  | "invalid_quorum"
  | "invalid_timeout"
  | "invalid_context"
  | "invalid_request_id"
  | "invalid_content_type"
  | "invalid_request"
  | "precondition_unsupported"
  | "encoding_unsupported"
  | "expectation_failed"
  | "length_required"
  | "value_too_large";
