import type { Random } from './random-values.ts';

// Makes texts that match a regular expression, for the expressions of the document: classes, groups, alternatives and quantifiers.

type Sample = (random: Random, most: number) => string;

/** Returns a text that matches a pattern. @param most the most repetitions of what may repeat without a limit */
export function matchingText(pattern: string, random: Random, most: number): string {
  return new PatternReader(pattern).read()(random, most);
}

class PatternReader {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  read(): Sample {
    const sample = this.#alternatives();
    if (this.#at < this.#pattern.length) throw new Error(`Cannot read ${this.#pattern} at ${this.#at}.`);
    return sample;
  }

  #alternatives(): Sample {
    const options: [Sample, ...Sample[]] = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    return (random, most) => random.pick(options)(random, most);
  }

  #sequence(): Sample {
    const items: Sample[] = [];
    while (this.#at < this.#pattern.length && !/[|)]/.test(this.#next())) items.push(this.#quantified());
    return (random, most) => items.map((item) => item(random, most)).join('');
  }

  #quantified(): Sample {
    if (this.#take('^') || this.#take('$')) return () => '';
    const item = this.#item();
    const range = /^(?:\*|\+|\?|\{(\d+)(?:(,)(\d*))?\})/.exec(this.#pattern.slice(this.#at));
    if (!range) return item;
    this.#at += range[0].length;
    const [quantifier, low = '', comma, high = ''] = range;
    const min = quantifier === '+' ? 1 : Number(low);
    const max = quantifier === '?' ? 1 : low === '' || (comma && high === '') ? undefined : Number(high || low);
    return (random, most) => {
      const last = max ?? Math.max(min, most);
      const count = random.pick([min, Math.min(last, min + random.below(8)), last]);
      return Array.from({ length: count }, () => item(random, most)).join('');
    };
  }

  #item(): Sample {
    if (this.#take('(')) {
      if (this.#take('?') && !this.#take(':')) throw new Error(`Cannot read ${this.#pattern}: a look-around.`);
      const inner = this.#alternatives();
      this.#take(')');
      return inner;
    }
    if (this.#take('[')) return this.#class();
    if (this.#take('.')) return (random) => random.character();
    const [set] = this.#character();
    return sampleOf(set, false);
  }

  #class(): Sample {
    const isNegated = this.#take('^');
    const ranges: Range[] = [];
    while (!this.#take(']')) {
      const [set, single] = this.#character();
      if (single !== undefined && this.#pattern[this.#at] === '-' && this.#pattern[this.#at + 1] !== ']') {
        this.#at++;
        ranges.push([single, this.#character()[1] ?? single]);
      } else ranges.push(...set);
    }
    return sampleOf(ranges, isNegated);
  }

  /** Reads a character or an escape. @returns its ranges, and its code if it is a single character */
  #character(): [Range[], number | undefined] {
    if (!this.#take('\\')) return single(this.#advance());
    const letter = this.#advance();
    if (letter === 'd') return [DIGITS, undefined];
    if (letter === 'w') return [WORD, undefined];
    if (letter === 's') return [SPACES, undefined];
    if (letter === 'x') return single(String.fromCharCode(Number.parseInt(this.#advance() + this.#advance(), 16)));
    if (letter === 'u') {
      const digits = this.#advance() + this.#advance() + this.#advance() + this.#advance();
      return single(String.fromCharCode(Number.parseInt(digits, 16)));
    }
    return single(letter);
  }

  #next(): string {
    return this.#pattern[this.#at] ?? '';
  }

  #advance(): string {
    return this.#pattern[this.#at++] ?? '';
  }

  #take(character: string): boolean {
    if (this.#next() !== character) return false;
    this.#at++;
    return true;
  }
}

type Range = readonly [first: number, last: number];

const DIGITS: Range[] = [[0x30, 0x39]];
const WORD: Range[] = [...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const SPACES: Range[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];

function single(character: string): [Range[], number] {
  const code = character.charCodeAt(0);
  return [[[code, code]], code];
}

function sampleOf(ranges: readonly Range[], isNegated: boolean): Sample {
  const [first, ...rest] = ranges;
  return (random) => {
    if (!isNegated) {
      const [low, high] = random.pick([first ?? [0, 0], ...rest]);
      return String.fromCharCode(low + random.below(high - low + 1));
    }
    for (;;) {
      const character = random.character();
      const code = character.codePointAt(0) ?? 0;
      if (!ranges.some(([low, high]) => code >= low && code <= high)) return character;
    }
  };
}
