import { TAG_LENGTH } from '../../credentials/constants.ts';
import { appendTag, hasShortLivedTag } from '../../credentials/keyed-tag.ts';
import type { MasterKeys } from '../../credentials/master-key.ts';
import { DPOP_NONCE_STEP, DPOP_NONCE_STEPS } from '../constants.ts';

/**
 * The nonces of DPoP proofs ([RFC 9449 section 8](https://www.rfc-editor.org/rfc/rfc9449#section-8)): the time, with a tag that only this
 * service can make, so that none needs to be remembered.
 */
export class DpopNonces {
  readonly #masterKeys: () => Promise<MasterKeys>;

  constructor(masterKeys: () => Promise<MasterKeys>) {
    this.#masterKeys = masterKeys;
  }

  /** The one for now, in milliseconds since the epoch. */
  async current(now: number): Promise<string> {
    return appendTag(String(stepOf(now)), 'dpopNonceTag', await this.#masterKeys());
  }

  /** Whether a nonce is one of ours that has not expired. */
  async isOurs(nonce: string, now: number): Promise<boolean> {
    const step = Number(nonce.slice(0, -TAG_LENGTH));
    // One that another machine made may be a step ahead.
    const isRecent = step <= stepOf(now) + 1 && step > stepOf(now) - DPOP_NONCE_STEPS;
    return isRecent && hasShortLivedTag(nonce, 'dpopNonceTag', await this.#masterKeys());
  }
}

function stepOf(now: number): number {
  return Math.floor(now / 1000 / DPOP_NONCE_STEP);
}
