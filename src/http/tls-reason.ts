/** Why a TLS handshake failed, in words, from the codes of OpenSSL and Node. */
export function tlsReason(error: Error, authorizationError: unknown): string {
  const code =
    typeof authorizationError === 'string' && authorizationError !== '' ? authorizationError : codeOf(error);
  const words = reasons[code];
  return words === undefined
    ? `the TLS handshake failed: ${code === '' ? error.message : code}`
    : `${words} (${code})`;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const unknownIssuer = 'the client certificate does not chain to an authority this listener trusts';

const reasons: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownIssuer,
  SELF_SIGNED_CERT_IN_CHAIN: unknownIssuer,
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the client certificate is signed by itself',
  CERT_SIGNATURE_FAILURE: 'a signature in the client certificate chain is wrong',
  CERT_HAS_EXPIRED: 'the client certificate has expired',
  CERT_NOT_YET_VALID: 'the client certificate is not valid yet; a clock may be wrong',
  CERT_REVOKED: 'the client certificate is revoked',
  CERT_UNTRUSTED: 'the client certificate is not trusted',
  CERT_REJECTED: 'the client certificate is rejected',
  INVALID_CA: 'a certificate in the client chain may not issue certificates',
  INVALID_PURPOSE: 'the client certificate is not made for authenticating a client',
  PATH_LENGTH_EXCEEDED: 'the client certificate chain is longer than its authority allows',
  UNSPECIFIED: 'the client certificate breaks a constraint of its authority, such as the permitted names',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'no client certificate was presented',
  ERR_SSL_NO_SHARED_CIPHER: 'peer and listener have no cipher in common',
  ERR_SSL_NO_SUITABLE_KEY_SHARE: 'peer and listener have no key exchange group in common',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the peer speaks only TLS versions that this listener does not',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the peer does not trust this listener's certificate",
  ERR_SSL_HTTP_REQUEST: 'the peer spoke plain HTTP to a TLS listener',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the peer did not speak TLS',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'the peer did not finish the TLS handshake in time',
  ECONNRESET: 'the peer ended the connection during the TLS handshake',
  EPIPE: 'the peer ended the connection during the TLS handshake',
};
