/** What the command line sees of the process: a test gives it buffers instead of a terminal. */
export interface CliIo {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly out: (bytes: string | Uint8Array) => void;
  readonly err: (text: string) => void;
}
