/** The agent of a party: the party is an agent, or an agent with the person that it acts for, named after a space. */
export function agentOf(party: string): string {
  const space = party.indexOf(' ');
  return space === -1 ? party : party.slice(0, space);
}

/** Whether what a party holds is an agent's. */
export function isCallers(party: string, agent: string): boolean {
  return agentOf(party) === agent;
}
