import type { Serializable } from "node:child_process";

/**
 * The process behind listener-copies.ts: gets a listening handle and sends it back as often as it is told. The kernel
 * duplicates a handle that travels between processes; Node has no other way to ask for that. It never listens itself.
 */
process.on("message", (copies: number, handle: unknown) => {
  const send = process.send!.bind(process) as (message: Serializable, handle: unknown) => void;
  for (let copy = 1; copy <= copies; copy++) send(copy, handle);
});
