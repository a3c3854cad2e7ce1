import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate, type GeneralName, id_ce_subjectAltName, SubjectAlternativeName } from '@peculiar/asn1-x509';
import type { TlsSubject } from '../../store/client-authentication.ts';

type AlternativeName = Exclude<TlsSubject['type'], 'subject_dn'>;

const MEMBERS = {
  san_dns: 'dNSName',
  san_uri: 'uniformResourceIdentifier',
  san_ip: 'iPAddress',
  san_email: 'rfc822Name',
} as const satisfies Record<AlternativeName, keyof GeneralName>;

/**
 * The alternative names of one sort in a certificate ([RFC 5280 section 4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6)), as
 * texts; none where it has none or is malformed.
 * @param certificate DER in base64
 */
export function alternativeNames(certificate: string, type: AlternativeName): string[] {
  try {
    const { tbsCertificate } = AsnConvert.parse(Uint8Array.fromBase64(certificate), Certificate);
    const extensions = tbsCertificate.extensions?.filter(({ extnID }) => extnID === id_ce_subjectAltName) ?? [];
    // One that says it twice says nothing.
    const [extension] = extensions.length === 1 ? extensions : [];
    const names = extension ? [...AsnConvert.parse(extension.extnValue, SubjectAlternativeName)] : [];
    return names.map((name) => name[MEMBERS[type]]).filter((name) => name !== undefined);
  } catch {
    return [];
  }
}
