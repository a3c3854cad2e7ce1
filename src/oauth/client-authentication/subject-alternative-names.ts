import { type BaseBlock, Constructed, fromBER, ObjectIdentifier, OctetString, Primitive, Sequence } from 'asn1js';
import type { TlsSubject } from '../../gates/protocol.ts';

type AlternativeName = Exclude<TlsSubject['type'], 'subject_dn'>;

const SUBJECT_ALT_NAME = '2.5.29.17';
const CONTEXT_SPECIFIC = 3;
/** The tags of the name types (RFC 5280 section 4.2.1.6), and of the extensions (section 4.1). */
const TAGS: Readonly<Record<AlternativeName, number>> = { san_email: 1, san_dns: 2, san_uri: 6, san_ip: 7 };
const EXTENSIONS_TAG = 3;

const ASCII = /^[\x20-\x7e]+$/;

/**
 * Returns the subject alternative names of one type in a certificate
 * ([RFC 5280 section 4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6)); none if it is malformed.
 * @param certificate DER in base64
 */
export function alternativeNames(certificate: string, type: AlternativeName): string[] {
  try {
    const extensions = extensionsOf(parse(Uint8Array.fromBase64(certificate))).filter(isSubjectAltName);
    const [extension] = extensions;
    // A certificate with two such extensions is invalid (RFC 5280 section 4.2).
    if (!extension || extensions.length > 1) return [];
    const value = members(extension).at(-1);
    const names = value instanceof OctetString ? members(parse(value.valueBlock.valueHexView)) : [];
    const wanted = names.filter((name): name is Primitive => name instanceof Primitive && hasTag(name, TAGS[type]));
    return wanted.map(({ valueBlock }) => textOf(valueBlock.valueHexView, type)).filter((text) => text !== undefined);
  } catch {
    return [];
  }
}

function parse(der: Uint8Array): BaseBlock {
  const { offset, result } = fromBER(der);
  if (offset !== der.byteLength) throw new TypeError('not DER');
  return result;
}

function members(block: BaseBlock | undefined): BaseBlock[] {
  return block instanceof Sequence || block instanceof Constructed ? block.valueBlock.value : [];
}

function extensionsOf(certificate: BaseBlock): BaseBlock[] {
  const [signed] = members(certificate);
  const tagged = members(signed).find((block) => block instanceof Constructed && hasTag(block, EXTENSIONS_TAG));
  const [extensions] = members(tagged);
  return members(extensions);
}

function isSubjectAltName(extension: BaseBlock): boolean {
  const [id] = members(extension);
  return id instanceof ObjectIdentifier && id.valueBlock.toString() === SUBJECT_ALT_NAME;
}

function hasTag({ idBlock }: BaseBlock, tag: number): boolean {
  return idBlock.tagClass === CONTEXT_SPECIFIC && idBlock.tagNumber === tag;
}

function textOf(bytes: Uint8Array, type: AlternativeName): string | undefined {
  if (type === 'san_ip') return addressOf(bytes);
  const text = String.fromCharCode(...bytes);
  return ASCII.test(text) ? text : undefined;
}

/** Returns an IP address as URLs write it; an IPv6 address in the form of [RFC 5952](https://www.rfc-editor.org/rfc/rfc5952). */
function addressOf(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  const groups = bytes.toHex().match(/.{4}/g) ?? [];
  return URL.parse(`https://[${groups.join(':')}]/`)?.hostname.slice(1, -1);
}
