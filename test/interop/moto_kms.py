"""The server of moto, with two things of AWS KMS that moto leaves out: the MessageType DIGEST of Sign
(AWS KMS API Reference, Sign), and that a disabled key does not sign."""

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.core.exceptions import JsonRESTError
from moto.kms.exceptions import ValidationException
from moto.kms.responses import KmsResponse
from moto.server import main

sign_raw = KmsResponse.sign


class Disabled(JsonRESTError):
    code = 400

    def __init__(self, arn: str):
        super().__init__("DisabledException", f"{arn} is disabled.")


def sign(self: KmsResponse) -> str:
    key = self.kms_backend.describe_key(self._get_param("KeyId"))
    if not key.enabled:
        raise Disabled(key.arn)
    if self._get_param("MessageType") != "DIGEST":
        return sign_raw(self)
    digest = self._get_param("Message")
    algorithm = self._get_param("SigningAlgorithm")
    if algorithm not in key.signing_algorithms or algorithm != "ECDSA_SHA_256":
        raise ValidationException(f"{algorithm} is not an algorithm of this key.")
    if len(digest) != 32:
        raise ValidationException("Digest is invalid length for algorithm ECDSA_SHA_256.")
    signature = key.private_key.private_key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    return json.dumps(
        {
            "KeyId": key.arn,
            "Signature": base64.b64encode(signature).decode("ascii"),
            "SigningAlgorithm": algorithm,
        }
    )


KmsResponse.sign = sign

main()
