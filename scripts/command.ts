import { errorCatalogue, PipelineError } from "@ethhook/schemas";

/**
 * Runs a command to its end and sets the exit code: what `work` resolves to, else 1.
 * An expected failure is told in its own words with the way out; only a bug shows a stack trace.
 */
export async function runCommand(work: () => Promise<number | void>): Promise<void> {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    process.exitCode = 1;
    if (!(error instanceof PipelineError)) throw error;
    console.error(`${error.message}\n${errorCatalogue[error.code].action}`);
  }
}
