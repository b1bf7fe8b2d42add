import type { CliIo } from "./cli-io.ts";

/**
 * One line on stderr that is written over as long as something goes on; where stderr is no terminal, a line whenever the text
 * before the bar changes or another tenth is done, so that a log stays readable.
 */
export class ProgressBar {
  readonly #io: Pick<CliIo, "err" | "stderrIsTerminal">;
  #said = "";
  #isOpen = false;

  constructor(io: Pick<CliIo, "err" | "stderrIsTerminal">) {
    this.#io = io;
  }

  show({ what, done, total, note }: { what: string; done: number; total: number; note: string }): void {
    const part = total === 0 ? 1 : done / total;
    if (!this.#io.stderrIsTerminal) {
      const key = `${what} ${Math.floor(part * 10)}`;
      if (key === this.#said) return;
      this.#said = key;
      this.#io.err(`${what}: ${done} of ${total} (${percent(part)})${note === "" ? "" : `, ${note}`}\n`);
      return;
    }
    const filled = Math.round(part * WIDTH);
    const bar = `[${"#".repeat(filled)}${"-".repeat(WIDTH - filled)}]`;
    const line = `${what} ${bar} ${percent(part)} ${done}/${total}  ${note}`.slice(0, LINE_MAX);
    // To the line's beginning, the text, then what is left of a longer one before it is erased.
    this.#io.err(`\r${line}\u001B[K`);
    this.#isOpen = true;
  }

  /** Something else is about to be said: it gets a line of its own. */
  close(): void {
    if (this.#isOpen) this.#io.err("\n");
    this.#isOpen = false;
  }
}

function percent(part: number): string {
  return `${Math.floor(part * 100)} %`;
}

const WIDTH = 30;
const LINE_MAX = 119;
