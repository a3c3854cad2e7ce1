import { TAG_LENGTH } from '../../credentials/constants.ts';
import { appendTag, hasShortLivedTag } from '../../credentials/keyed-tag.ts';
import type { MasterKeys } from '../../credentials/master-key.ts';
import { DPOP_NONCE_STEP, DPOP_NONCE_STEPS } from '../constants.ts';

/**
 * Makes and recognizes the nonces of DPoP proofs ([RFC 9449 section 8](https://www.rfc-editor.org/rfc/rfc9449#section-8)). A nonce is the
 * time with a tag that only this service can make, so none needs to be stored.
 */
export class DpopNonces {
  readonly #masterKeys: () => Promise<MasterKeys>;

  constructor(masterKeys: () => Promise<MasterKeys>) {
    this.#masterKeys = masterKeys;
  }

  /** Returns the nonce for now. @param now milliseconds since the epoch */
  async current(now: number): Promise<string> {
    return appendTag(String(stepOf(now)), 'dpopNonceTag', await this.#masterKeys());
  }

  /** Whether a nonce is one of ours and has not expired. @param now milliseconds since the epoch */
  async isOurs(nonce: string, now: number): Promise<boolean> {
    const step = Number(nonce.slice(0, -TAG_LENGTH));
    // A machine whose clock is ahead may have made it one step early.
    const isRecent = step <= stepOf(now) + 1 && step > stepOf(now) - DPOP_NONCE_STEPS;
    return isRecent && hasShortLivedTag(nonce, 'dpopNonceTag', await this.#masterKeys());
  }
}

function stepOf(now: number): number {
  return Math.floor(now / 1000 / DPOP_NONCE_STEP);
}
