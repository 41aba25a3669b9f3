import { type LimitRules, limitOfEachAgent } from '../../gateway/limit-rule.ts';
import type { Config } from '../config/config.ts';
import type { RegistryView } from '../feed/registry-view.ts';

/** What the configuration says of every agent, then what the policy folder says. */
export function limitsInForce({ gateway }: Config, view: RegistryView): () => LimitRules {
  const always = limitOfEachAgent(gateway.concurrentPerAgent, gateway.callsPerSecondPerAgent);
  let declared = view.limits();
  let rules: LimitRules = [always, ...declared];
  return () => {
    const now = view.limits();
    if (now !== declared) {
      declared = now;
      rules = [always, ...now];
    }
    return rules;
  };
}
