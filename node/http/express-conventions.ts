import { randomUUID } from "node:crypto";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { REQUEST_ID_HEADER } from "../contract/http-headers.ts";
import { BadRequest } from "./bad-request.ts";
import { hasBody } from "./body-reader.ts";
import { type ErrorAnswer, errorHeaders, errorText } from "./error-response.ts";
import { requestIdOf } from "./kv-headers.ts";

/**
 * Express as this project wants it, on either port: routes match exactly (case, trailing slash), every answer has a
 * request id and is never cached, every error is the same JSON. Express's own defaults are lax routing and HTML.
 */
export function createApp(): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  app.enable("case sensitive routing");
  app.enable("strict routing");
  app.use((request, response, next) => {
    const given = requestIdOf(request.headers);
    response.locals["requestId"] = typeof given === "string" ? given : randomUUID();
    response.set(REQUEST_ID_HEADER, requestIdIn(response));
    response.set("Cache-Control", "no-store");
    if (given instanceof BadRequest) sendError(response, given);
    else next();
  });
  return app;
}

/** Comes after the last route: what no route took, and what one threw. */
export function addFallbacks(app: Express, onFailure: (error: unknown, requestId: string) => void): void {
  app.use((request: Request, response: Response) => {
    if (hasBody(request)) response.set("Connection", "close");
    const message = `nothing is served at ${request.method} ${request.path.slice(0, 200)} on this port`;
    sendError(response, { status: 404, code: "not_found", message });
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const status = statusIn(error);
    if (response.headersSent) {
      response.destroy();
    } else if (status === 413) {
      response.set("Connection", "close");
      sendError(response, { status, code: "body_too_large", message: "the body is too long" });
    } else if (status !== undefined && status >= 400 && status < 500) {
      sendError(response, { status: 400, code: "invalid_request", message: "the request could not be read" });
    } else {
      onFailure(error, requestIdIn(response));
      const message = "the node failed to handle this request; its log has the reason under this request id";
      sendError(response, { status: 500, code: "internal_error", message });
    }
  });
}

/** A route for the methods that a path has no handler for. */
export function methodNotAllowed(...allowed: readonly string[]) {
  return (request: Request, response: Response): void => {
    if (hasBody(request)) response.set("Connection", "close");
    response.set("Allow", allowed.join(", "));
    const message = `${request.method} is not a method of ${request.path}; allowed: ${allowed.join(", ")}`;
    sendError(response, { status: 405, code: "method_not_allowed", message });
  };
}

export function sendError(response: Response, answer: ErrorAnswer): void {
  const requestId = requestIdIn(response);
  const text = errorText(answer, requestId);
  const headers = errorHeaders(answer, requestId, text);
  for (let i = 0; i < headers.length; i += 2) response.setHeader(headers[i]!, headers[i + 1]!);
  response.statusCode = answer.status;
  response.end(text);
}

function requestIdIn(response: Response): string {
  return String(response.locals["requestId"]);
}

/** Body parsers and Express itself throw errors that carry the status they mean. */
function statusIn(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("status" in error)) return undefined;
  return typeof error.status === "number" ? error.status : undefined;
}
