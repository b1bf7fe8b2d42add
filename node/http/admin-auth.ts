import { timingSafeEqual } from "node:crypto";
import type { NextFunction, Request, Response } from "express";
import { hasBody } from "./body-reader.ts";
import { sendError } from "./express-conventions.ts";

/**
 * Admin writes need the cluster's token (contract/admin-token.ts). `tokens` is asked for each request, so a rotated
 * secret counts at once; while keys overlap there are several. An empty list lets nobody in.
 */
export function requireToken(tokens: () => readonly string[]) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const given = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(request.headers.authorization ?? "")?.[1];
    if (given !== undefined && tokens().some((token) => sameText(given, token))) {
      next();
      return;
    }
    if (hasBody(request)) response.set("Connection", "close");
    response.set("WWW-Authenticate", 'Bearer realm="dynamokv admin"');
    const message = "admin writes need Authorization: Bearer <token made from the cluster secret>";
    sendError(response, { status: 401, code: "unauthorized", message });
  };
}

function sameText(left: string, right: string): boolean {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && timingSafeEqual(a, b);
}
