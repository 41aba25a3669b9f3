/**
 * Where a token of a first start is shown: a join token is `cst_…`, and the JWT that a platform gives to a workload has three
 * parts with dots between them.
 */
export function enrolmentPath(token: string): '/v1/enrol/join-token' | '/v1/enrol/workload' {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) ? '/v1/enrol/workload' : '/v1/enrol/join-token';
}
