/** Tells the tour in plain words and keeps count of what did not behave. */
export class Narrator {
  failures = 0;
  private steps = 0;
  private readonly began = performance.now();

  title(text: string): void {
    this.line(`\n${text}\n${'─'.repeat(text.length)}`);
  }

  step(text: string): void {
    this.steps += 1;
    this.line(`\n${this.steps}. ${text}`);
  }

  fact(text: string): void {
    this.line(`     ${text}`);
  }

  check(text: string, behaved: boolean): void {
    if (!behaved) this.failures += 1;
    this.line(`   ${behaved ? '✓' : '✗ NOT SO:'} ${text}`);
  }

  summary(): void {
    const seconds = ((performance.now() - this.began) / 1_000).toFixed(1);
    this.line(
      this.failures === 0
        ? `\nEvery step behaved. ${seconds} s.`
        : `\n${this.failures} checks did not behave. ${seconds} s.`,
    );
  }

  /** `notAfter`: until when a client can be started first; from then on the bridge renews by itself. */
  configuration(json: string, notAfter: number): void {
    const until = new Date(notAfter).toTimeString().slice(0, 5);
    this.line(
      `\nIt stays up until you press Ctrl-C. For an MCP client, add this to its configuration and start it before ` +
        `${until}; while it runs, its certificate renews itself:\n\n${json}\n`,
    );
  }

  private line(text: string): void {
    process.stdout.write(`${text}\n`);
  }
}
