/**
 * Whether output is what was expected. In the expectation `[..]` stands for any text within a line and a line `...` for
 * any number of lines.
 */
export function matches(expected: string, output: string): boolean {
  const pattern = expected
    .split('\n')
    .map((line) =>
      line === '...' ? '(?:[^\\n]*\\n)*?[^\\n]*' : line.split('[..]').map(literal).join('[^\\n]*'),
    )
    .join('\\n');
  return new RegExp(`^${pattern}$`).test(output);
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
