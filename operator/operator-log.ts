import winston from "winston";

/** One JSON object a line, like the nodes' log: time, level, event, fields. */
export type OperatorLog = (
  event: string,
  fields: Record<string, unknown>,
  level: "error" | "warn" | "info" | "debug",
) => void;

export function createOperatorLog(level: string): OperatorLog {
  const logger = winston.createLogger({
    level,
    format: winston.format.printf(({ level: lineLevel, message, fields }) =>
      JSON.stringify(
        { time: new Date().toISOString(), level: lineLevel, event: message, ...(fields as object) },
        (_name, value: unknown) =>
          value instanceof Error ? { message: value.message, stack: value.stack } : value,
      ),
    ),
    transports: [new winston.transports.Console()],
    exitOnError: false,
  });
  return (event, fields, lineLevel) => logger.log({ level: lineLevel, message: event, fields });
}
