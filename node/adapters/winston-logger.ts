import winston from "winston";

/**
 * The log: one JSON object a line on standard output, `{"time", "level", "event", …}`. `event` is a constant in
 * snake_case and the past tense, so that lines can be counted and searched; the rest are fields. Never a value, never
 * a key: whoever reads logs need not be allowed to read data.
 */
export type LogLevel = "error" | "warn" | "info" | "debug";

export type LogLine = (event: string, fields: Record<string, unknown>, level: LogLevel) => void;

export interface LoggerOptions {
  readonly level: LogLevel;
  /** On every line; grows as the node learns its id. */
  readonly base: Record<string, unknown>;
  /** Standard output where undefined. */
  readonly stream?: NodeJS.WritableStream;
}

const LEVELS = { error: 0, warn: 1, info: 2, debug: 3 } as const;

export function createLogLine({ level, base, stream }: LoggerOptions): LogLine {
  const logger = winston.createLogger({
    level,
    levels: LEVELS,
    format: winston.format.printf(({ level: lineLevel, message, fields }) =>
      lineText(lineLevel, String(message), { ...base, ...(fields as Record<string, unknown>) }),
    ),
    transports: [
      stream === undefined ? new winston.transports.Console() : new winston.transports.Stream({ stream }),
    ],
    exitOnError: false,
  });
  return (event, fields, lineLevel) => {
    if (LEVELS[lineLevel] <= LEVELS[level]) logger.log({ level: lineLevel, message: event, fields });
  };
}

function lineText(level: string, event: string, fields: Record<string, unknown>): string {
  return JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }, shown);
}

/** An Error would be written as {}. */
function shown(_name: string, value: unknown): unknown {
  if (value instanceof Error) return { message: value.message, stack: value.stack };
  return typeof value === "bigint" ? String(value) : value;
}
