import type {
  DeleteRequest,
  GetRequest,
  PutRequest,
  ReadOutcome,
  WriteOutcome,
} from "../core/coordinator/requests.ts";

/**
 * What the client port serves: the coordinator of this node. Promises settle within the request's deadline and never
 * reject for anything expected; what went wrong is a value.
 */
export interface KeyValueService {
  put(request: PutRequest): Promise<WriteOutcome>;
  get(request: GetRequest): Promise<ReadOutcome>;
  delete(request: DeleteRequest): Promise<WriteOutcome>;
}
