"""Gets a token with Authlib, by a secret or by a key, and prints it."""
import os

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

endpoint = os.environ["ISSUER"] + "/oauth2/token"
key = os.environ.get("PRIVATE_KEY")
session = OAuth2Session(os.environ["CLIENT_ID"], key or os.environ["CLIENT_SECRET"], scope="orders:read")
if key:
    session.register_client_auth_method(PrivateKeyJWT(endpoint))
    session.token_endpoint_auth_method = PrivateKeyJWT.name
print(session.fetch_token(endpoint, grant_type="client_credentials")["access_token"], end="")
