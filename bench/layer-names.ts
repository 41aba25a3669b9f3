/** The layers of the gateway from the bottom up, each with all that stand before it. */
export const layers = [
  { id: 'http', name: 'our HTTP' },
  { id: 'tls', name: '+ mutual TLS' },
  { id: 'identity', name: '+ identity' },
  { id: 'message', name: '+ message read and written' },
  { id: 'policy', name: '+ policy' },
  { id: 'limits', name: '+ limits' },
] as const;
