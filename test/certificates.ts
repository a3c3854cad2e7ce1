import { exportJWK, importX509, type JWK } from 'jose';

// Client certificates, made once with OpenSSL, and the data that Cloudflare passes on about a certificate. Their private keys have been
// thrown away: only the TLS handshake needs them, and the tests do not perform it. They were made like this (OpenSSL 3.0):
//
//   set -e
//   printf '[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\nrand_serial=yes\nunique_subject=no\ndefault_md=sha256\nnew_certs_dir=.\npolicy=p\npreserve=yes\n[p]\ncountryName=optional\norganizationName=optional\norganizationalUnitName=optional\ncommonName=optional\n' > a.cnf; touch index.txt
//   for key in ca worker other; do openssl ecparam -name prime256v1 -genkey -noout -out $key.key; done
//   # certify <name> <key> <subject> <end> <extensions> <how>
//   certify() {
//     openssl req -new -key $2.key -subj "$3" -out $1.csr; printf "basicConstraints=CA:FALSE\n$5\n" > $1.ext
//     openssl ca -batch -notext -config a.cnf -startdate 20200101000000Z -enddate $4 -extfile $1.ext $6 -in $1.csr -out $1.pem
//   }
//   openssl req -x509 -new -key ca.key -subj '/O=Example/CN=Clients' -days 36500 -out ca.pem
//   issued() { certify $1 worker '/C=DE/O=Example, Inc./OU=Machines/CN=worker.example.com' 21200101000000Z "$2" '-cert ca.pem -keyfile ca.key'; }
//   issued named 'subjectAltName=DNS:worker.example.com,DNS:second.example.com,URI:spiffe://example.com/worker,IP:192.0.2.7,IP:2001:db8::7,email:worker@example.com'
//   issued crossed 'subjectAltName=DNS:192.0.2.7,DNS:2001:db8::7,DNS:worker@example.com,DNS:spiffe://example.com/worker,URI:worker.example.com,URI:second.example.com,email:worker.example.com'
//   issued nameless ''
//   issued wild 'subjectAltName=DNS:*.example.com,URI:spiffe://example.com/*,email:*@example.com'
//   issued cut 'subjectAltName=DER:30:19:82:17:77:6f:72:6b:65:72:2e:65:78:61:6d:70:6c:65:2e:63:6f:6d:00:2e:6e:65:74'
//   issued masked 'subjectAltName=DER:30:0a:87:08:c0:00:02:07:ff:ff:ff:ff'
//   self() { certify $1 $2 /CN=self-signed $3 '' "-selfsign -keyfile $2.key"; }
//   self own worker 21200101000000Z
//   self twin worker 21200101000000Z
//   self stranger other 21200101000000Z
//   self expired worker 20200131000000Z
//
// and their members were read like this:
//
//   openssl x509 -in named.pem -outform DER | base64 -w0                                              # der
//   openssl x509 -in named.pem -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f       # fingerprint
//   openssl x509 -in named.pem -outform DER | openssl dgst -sha256 -binary | basenc --base64url -w0   # x5t, without the padding
//   openssl x509 -in named.pem -noout -subject -nameopt RFC2253                                       # subject
//   openssl x509 -in named.pem -noout -enddate                                                        # notAfter

export interface Certificate {
  /** DER, in base64. */
  readonly der: string;
  /** SHA-256, in hexadecimal. */
  readonly fingerprint: string;
  /** The fingerprint in base64url. */
  readonly x5t: string;
  /** The subject in the notation of RFC 2253. */
  readonly subject: string;
  readonly notAfter: string;
}

export const certificates = {
  /** Issued by the CA, with every kind of alternative name, and two names of one kind. */
  named: {
    der: 'MIICSDCCAe6gAwIBAgIUeVCDV7Ok4l0nQyYlRg92s6Jm61MwCgYIKoZIzj0EAwIwJDEQMA4GA1UECgwHRXhhbXBsZTEQMA4GA1UEAwwHQ2xpZW50czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowVTELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xETAPBgNVBAsMCE1hY2hpbmVzMRswGQYDVQQDDBJ3b3JrZXIuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASWCAnRY7MFerPSJNQh7+fcPy3ydTBfJAvwlWaJoo5wWNzkitE7i5puLPScj7clbiT/WASuMIf8sCUb9LwOWcpno4HKMIHHMAkGA1UdEwQCMAAwegYDVR0RBHMwcYISd29ya2VyLmV4YW1wbGUuY29tghJzZWNvbmQuZXhhbXBsZS5jb22GG3NwaWZmZTovL2V4YW1wbGUuY29tL3dvcmtlcocEwAACB4cQIAENuAAAAAAAAAAAAAAAB4ESd29ya2VyQGV4YW1wbGUuY29tMB0GA1UdDgQWBBSurjLMtif3k/sSgO9qtJcYbig/DzAfBgNVHSMEGDAWgBQEq1kCnJP/u+BF4kiNLXMF4OEsrjAKBggqhkjOPQQDAgNIADBFAiEAl7qlPb4qnqpIvdiRCQlzoa5hS4HZ/1yLS9oNGRjCwO0CIAm+eCf4X9SAN2SPSsOmdjTU0pOIrrkaMhVefvYjx30z',
    fingerprint: '469e8311083180b6607ae986822e554eb921ed0beae75af87cf82921ed0f3cf2',
    x5t: 'Rp6DEQgxgLZgeumGgi5VTrkh7Qvq51r4fPgpIe0PPPI',
    subject: 'CN=worker.example.com,OU=Machines,O=Example\\, Inc.,C=DE',
    notAfter: 'Jan  1 00:00:00 2120 GMT',
  },
  /** Issued by the CA, with the same texts as `named`, each as another kind of name. */
  crossed: {
    der: 'MIICYDCCAgWgAwIBAgIUD7V8eNdauPsoXGEus3M77UF4bM8wCgYIKoZIzj0EAwIwJDEQMA4GA1UECgwHRXhhbXBsZTEQMA4GA1UEAwwHQ2xpZW50czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowVTELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xETAPBgNVBAsMCE1hY2hpbmVzMRswGQYDVQQDDBJ3b3JrZXIuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASWCAnRY7MFerPSJNQh7+fcPy3ydTBfJAvwlWaJoo5wWNzkitE7i5puLPScj7clbiT/WASuMIf8sCUb9LwOWcpno4HhMIHeMAkGA1UdEwQCMAAwgZAGA1UdEQSBiDCBhYIJMTkyLjAuMi43ggsyMDAxOmRiODo6N4ISd29ya2VyQGV4YW1wbGUuY29tghtzcGlmZmU6Ly9leGFtcGxlLmNvbS93b3JrZXKGEndvcmtlci5leGFtcGxlLmNvbYYSc2Vjb25kLmV4YW1wbGUuY29tgRJ3b3JrZXIuZXhhbXBsZS5jb20wHQYDVR0OBBYEFK6uMsy2J/eT+xKA72q0lxhuKD8PMB8GA1UdIwQYMBaAFASrWQKck/+74EXiSI0tcwXg4SyuMAoGCCqGSM49BAMCA0kAMEYCIQDwnkA6y538y/F55S02qInbynOK32f1iooE+uO5cKrJnAIhALmD9o4+ojNjBg9IGk3UnC4eEMwdownlCmFhCx82Z6+y',
    fingerprint: '593f787241d84e8a7bcff6288e2a674fcbb9bf91268414c3f8fa5af4c978ad0d',
    x5t: 'WT94ckHYTop7z_YojipnT8u5v5EmhBTD-Ppa9Ml4rQ0',
    subject: 'CN=worker.example.com,OU=Machines,O=Example\\, Inc.,C=DE',
    notAfter: 'Jan  1 00:00:00 2120 GMT',
  },
  /** Issued by the CA, without any alternative name. Its common name looks like one. */
  nameless: {
    der: 'MIIByzCCAXCgAwIBAgIUIa0PK7CPdpK9pXZuD6UAIbwlDkUwCgYIKoZIzj0EAwIwJDEQMA4GA1UECgwHRXhhbXBsZTEQMA4GA1UEAwwHQ2xpZW50czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowVTELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xETAPBgNVBAsMCE1hY2hpbmVzMRswGQYDVQQDDBJ3b3JrZXIuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASWCAnRY7MFerPSJNQh7+fcPy3ydTBfJAvwlWaJoo5wWNzkitE7i5puLPScj7clbiT/WASuMIf8sCUb9LwOWcpno00wSzAJBgNVHRMEAjAAMB0GA1UdDgQWBBSurjLMtif3k/sSgO9qtJcYbig/DzAfBgNVHSMEGDAWgBQEq1kCnJP/u+BF4kiNLXMF4OEsrjAKBggqhkjOPQQDAgNJADBGAiEAoBPGSzp9WBAKxxiDkkQkcKYHVtoLqs9OIIA65fMzGPECIQC8EGEbvIxIFAWauQUfhSWsoNV+zWW1Ifzw3S6VqLd9xg==',
    fingerprint: '5fcdf4d9017c4bf36bb4c3d065d7d5f7fdad826dad39beae2a5bb6abb80d9e61',
    x5t: 'X8302QF8S_NrtMPQZdfV9_2tgm2tOb6uKlu2q7gNnmE',
    subject: 'CN=worker.example.com,OU=Machines,O=Example\\, Inc.,C=DE',
    notAfter: 'Jan  1 00:00:00 2120 GMT',
  },
  /** Issued by the CA, with wildcard names. */
  wild: {
    der: 'MIICDTCCAbOgAwIBAgIUUaQBM9tgyxdwd0+QQc1lLKn10JIwCgYIKoZIzj0EAwIwJDEQMA4GA1UECgwHRXhhbXBsZTEQMA4GA1UEAwwHQ2xpZW50czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowVTELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xETAPBgNVBAsMCE1hY2hpbmVzMRswGQYDVQQDDBJ3b3JrZXIuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASWCAnRY7MFerPSJNQh7+fcPy3ydTBfJAvwlWaJoo5wWNzkitE7i5puLPScj7clbiT/WASuMIf8sCUb9LwOWcpno4GPMIGMMAkGA1UdEwQCMAAwPwYDVR0RBDgwNoINKi5leGFtcGxlLmNvbYYWc3BpZmZlOi8vZXhhbXBsZS5jb20vKoENKkBleGFtcGxlLmNvbTAdBgNVHQ4EFgQUrq4yzLYn95P7EoDvarSXGG4oPw8wHwYDVR0jBBgwFoAUBKtZApyT/7vgReJIjS1zBeDhLK4wCgYIKoZIzj0EAwIDSAAwRQIgcBcuvuDEOREnvFVY+wJ4f3F8T4X2eQTfvbdEsF6aVr4CIQC/VCzVzG9iMmgbcygN3THrTS2/0SFcvMB0bQKQsBV+Ww==',
    fingerprint: '74aeaf7dbe991c7fb996731fa8dbcc9c436554e4596b8856e495ee20e53575bc',
    x5t: 'dK6vfb6ZHH-5lnMfqNvMnENlVORZa4hW5JXuIOU1dbw',
    subject: 'CN=worker.example.com,OU=Machines,O=Example\\, Inc.,C=DE',
    notAfter: 'Jan  1 00:00:00 2120 GMT',
  },
  /** Issued by the CA, with `DNS:worker.example.com` followed by a NUL and more text. */
  cut: {
    der: 'MIIB7jCCAZSgAwIBAgIUM/i1s8NxZ1oM0hdpH2qLCGPY1O8wCgYIKoZIzj0EAwIwJDEQMA4GA1UECgwHRXhhbXBsZTEQMA4GA1UEAwwHQ2xpZW50czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowVTELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xETAPBgNVBAsMCE1hY2hpbmVzMRswGQYDVQQDDBJ3b3JrZXIuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASWCAnRY7MFerPSJNQh7+fcPy3ydTBfJAvwlWaJoo5wWNzkitE7i5puLPScj7clbiT/WASuMIf8sCUb9LwOWcpno3EwbzAJBgNVHRMEAjAAMCIGA1UdEQQbMBmCF3dvcmtlci5leGFtcGxlLmNvbQAubmV0MB0GA1UdDgQWBBSurjLMtif3k/sSgO9qtJcYbig/DzAfBgNVHSMEGDAWgBQEq1kCnJP/u+BF4kiNLXMF4OEsrjAKBggqhkjOPQQDAgNIADBFAiEAgGADfhZyXjRxdMdHZV11gRLQrtbM2LdojwsbvV9gNmACIGJmeu+31Hqj+nV/1oYWOZkn2i/l013yjj76c5UZafqb',
    fingerprint: '60dafb45b931439517561bf5a942081736950f35c4d5db7275d17efa7f77f1b8',
    x5t: 'YNr7RbkxQ5UXVhv1qUIIFzaVDzXE1dtyddF--n938bg',
    subject: 'CN=worker.example.com,OU=Machines,O=Example\\, Inc.,C=DE',
    notAfter: 'Jan  1 00:00:00 2120 GMT',
  },
  /** Issued by the CA, with `IP:192.0.2.7/32`: an address with a mask, which only name constraints may have. */
  masked: {
    der: 'MIIB4DCCAYWgAwIBAgIUZpCf4427/oQGbexjiAyzjUBplLYwCgYIKoZIzj0EAwIwJDEQMA4GA1UECgwHRXhhbXBsZTEQMA4GA1UEAwwHQ2xpZW50czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowVTELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xETAPBgNVBAsMCE1hY2hpbmVzMRswGQYDVQQDDBJ3b3JrZXIuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASWCAnRY7MFerPSJNQh7+fcPy3ydTBfJAvwlWaJoo5wWNzkitE7i5puLPScj7clbiT/WASuMIf8sCUb9LwOWcpno2IwYDAJBgNVHRMEAjAAMBMGA1UdEQQMMAqHCMAAAgf/////MB0GA1UdDgQWBBSurjLMtif3k/sSgO9qtJcYbig/DzAfBgNVHSMEGDAWgBQEq1kCnJP/u+BF4kiNLXMF4OEsrjAKBggqhkjOPQQDAgNJADBGAiEA3dJA7OCa8by2QFgO51+539dEDhnrAdOb2WaXLiF/2vkCIQDgsuYL4T0kwZmnxvtl17xCBrrxMZyG9VkraXBlOh5+yA==',
    fingerprint: '43465d03dd2e2a0299a9be32c790e47d2679f3fdd8ff6f66edb2c5edf80c5604',
    x5t: 'Q0ZdA90uKgKZqb4yx5DkfSZ58_3Y_29m7bLF7fgMVgQ',
    subject: 'CN=worker.example.com,OU=Machines,O=Example\\, Inc.,C=DE',
    notAfter: 'Jan  1 00:00:00 2120 GMT',
  },
  /** Self-signed. */
  own: {
    der: 'MIIBWzCCAQKgAwIBAgIUMsRXlyZxCjfuqsaJkNMMWO7wdZwwCgYIKoZIzj0EAwIwFjEUMBIGA1UEAwwLc2VsZi1zaWduZWQwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBYxFDASBgNVBAMMC3NlbGYtc2lnbmVkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElggJ0WOzBXqz0iTUIe/n3D8t8nUwXyQL8JVmiaKOcFjc5IrRO4uabiz0nI+3JW4k/1gErjCH/LAlG/S8DlnKZ6MsMCowCQYDVR0TBAIwADAdBgNVHQ4EFgQUrq4yzLYn95P7EoDvarSXGG4oPw8wCgYIKoZIzj0EAwIDRwAwRAIgLNaCgMEIWD0uDfFd0zYRfAdhVKqvwenbUBCkj2VN7pkCIBOmmBGaTEhkGNIenKwnjmlKoezK+YErUDNdYHSqRGDe',
    fingerprint: '7e567ce6ec0bed415a70696b8d947ef65d871d251dfab9511aa3d33e4ccd50a1',
    x5t: 'flZ85uwL7UFacGlrjZR-9l2HHSUd-rlRGqPTPkzNUKE',
    subject: 'CN=self-signed',
    notAfter: 'Jan  1 00:00:00 2120 GMT',
  },
  /** Self-signed, with the key and the subject of `own`. */
  twin: {
    der: 'MIIBWzCCAQKgAwIBAgIUMVqCX+ldAJp2kxEJL8E+D877yFMwCgYIKoZIzj0EAwIwFjEUMBIGA1UEAwwLc2VsZi1zaWduZWQwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBYxFDASBgNVBAMMC3NlbGYtc2lnbmVkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElggJ0WOzBXqz0iTUIe/n3D8t8nUwXyQL8JVmiaKOcFjc5IrRO4uabiz0nI+3JW4k/1gErjCH/LAlG/S8DlnKZ6MsMCowCQYDVR0TBAIwADAdBgNVHQ4EFgQUrq4yzLYn95P7EoDvarSXGG4oPw8wCgYIKoZIzj0EAwIDRwAwRAIgCbhxbyg31UFfrzR0GKxpjVwyAm5oKNFSDKJv++bYjXMCIBV3gpgW0JKd+7LC2gKmDnJr/qOijoqTiPkJ7Y6Q1Qba',
    fingerprint: 'ec348c64fa8c3df8cb63bfcc6581ace56089076ae2a6edf4f1733280b4ad0678',
    x5t: '7DSMZPqMPfjLY7_MZYGs5WCJB2ripu308XMygLStBng',
    subject: 'CN=self-signed',
    notAfter: 'Jan  1 00:00:00 2120 GMT',
  },
  /** Self-signed, with the subject of `own`, and another key. */
  stranger: {
    der: 'MIIBXDCCAQKgAwIBAgIUaIXtRVNGqGdLQ36u/RLsiIqI8rkwCgYIKoZIzj0EAwIwFjEUMBIGA1UEAwwLc2VsZi1zaWduZWQwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBYxFDASBgNVBAMMC3NlbGYtc2lnbmVkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUKECd0aYyR7VclfOV5OtPV7Yvb4EhZQQhswPloVSnOVJghJLJsTWm9tlXt/KO58Am0ExngTHySl7PW9bLROBHaMsMCowCQYDVR0TBAIwADAdBgNVHQ4EFgQUfZQeKNH6UCKHR2UpUvSpbDlCJq4wCgYIKoZIzj0EAwIDSAAwRQIhAPKZkF5bAWwyxDX2s0AatQHxKSOXJrJuGwfR1yUaHCSVAiACUbxRIiJqD6O7X5gBqzq2jfg7cjLKiJV4hlIuF/smvA==',
    fingerprint: '0b2822b309cf6cddb533bd8d4804c76fb7b88d4bc5357a89c3064723da1340df',
    x5t: 'CygiswnPbN21M72NSATHb7e4jUvFNXqJwwZHI9oTQN8',
    subject: 'CN=self-signed',
    notAfter: 'Jan  1 00:00:00 2120 GMT',
  },
  /** Self-signed, with the key and the subject of `own`; it has expired. */
  expired: {
    der: 'MIIBWTCCAQCgAwIBAgIUN0xTYjm3yARC35XAKF6/iNpRC3QwCgYIKoZIzj0EAwIwFjEUMBIGA1UEAwwLc2VsZi1zaWduZWQwHhcNMjAwMTAxMDAwMDAwWhcNMjAwMTMxMDAwMDAwWjAWMRQwEgYDVQQDDAtzZWxmLXNpZ25lZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJYICdFjswV6s9Ik1CHv59w/LfJ1MF8kC/CVZomijnBY3OSK0TuLmm4s9JyPtyVuJP9YBK4wh/ywJRv0vA5ZymejLDAqMAkGA1UdEwQCMAAwHQYDVR0OBBYEFK6uMsy2J/eT+xKA72q0lxhuKD8PMAoGCCqGSM49BAMCA0cAMEQCIBiJ4o8W38pypkGQgapa+Uoqu5yyydpGruu4TTyfAmxUAiBUlAe9Z7BLIbnZd7yCqcwDKrRm5APWFqh+9qZ58zjHIQ==',
    fingerprint: 'a95778e64dca537b7b2fe509005c700f988094f4ad7d4155fc66ea41f9291b30',
    x5t: 'qVd45k3KU3t7L-UJAFxwD5iAlPStfUFV_GbqQfkpGzA',
    subject: 'CN=self-signed',
    notAfter: 'Jan 31 00:00:00 2020 GMT',
  },
} as const satisfies Record<string, Certificate>;

/**
 * Returns `request.cf.tlsClientAuth` for a presented certificate: the
 * [documented members](https://developers.cloudflare.com/ssl/client-certificates/client-certificate-variables/) that matter, all texts. The
 * chain counts as verified unless `members` says otherwise.
 */
export function tlsOf(certificate: Certificate, members: Readonly<Record<string, unknown>> = {}): object {
  return {
    certPresented: '1',
    certVerified: 'SUCCESS',
    certRevoked: '0',
    certFingerprintSHA256: certificate.fingerprint,
    certSubjectDN: certificate.subject,
    certSubjectDNRFC2253: certificate.subject,
    certNotBefore: 'Jan  1 00:00:00 2020 GMT',
    certNotAfter: certificate.notAfter,
    certRFC9440: `:${certificate.der}:`,
    certRFC9440TooLarge: false,
    ...members,
  };
}

/** `request.cf.tlsClientAuth` of a connection without a client certificate. */
export const NO_CERTIFICATE = {
  certPresented: '0',
  certVerified: 'NONE',
  certRevoked: '0',
  certFingerprintSHA256: '',
  certSubjectDN: '',
  certSubjectDNRFC2253: '',
  certNotBefore: '',
  certNotAfter: '',
  certRFC9440: '',
  certRFC9440TooLarge: false,
};

/** Returns a certificate's public key together with the certificate, in the form in which clients register or publish it. */
export async function jwkOf({ der }: Certificate): Promise<JWK> {
  const pem = `-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----`;
  const key = await importX509(pem, 'ES256', { extractable: true });
  return { ...(await exportJWK(key)), x5c: [der] };
}
