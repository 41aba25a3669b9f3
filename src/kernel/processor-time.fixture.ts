/**
 * Milliseconds of processor time that this thread has used. How long something takes is measured with it where a specification
 * bounds it: what else the machine does meanwhile is no matter of the code.
 */
export function processorTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
