import { runCli } from "../../../../client/cli/program.ts";

export interface CliRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The whole command line in this process, with buffers instead of a terminal. */
export async function cli(args: readonly string[], { stdin }: { stdin?: string } = {}): Promise<CliRun> {
  const out: Buffer[] = [];
  let err = "";
  async function* input(): AsyncGenerator<Uint8Array> {
    if (stdin !== undefined) yield Buffer.from(stdin);
  }
  const code = await runCli(args, {
    stdin: input(),
    stdinIsTerminal: stdin === undefined,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    out: (bytes) => void out.push(Buffer.from(bytes as Uint8Array)),
    err: (text) => (err += text),
  });
  return { code, out: Buffer.concat(out).toString(), err };
}
