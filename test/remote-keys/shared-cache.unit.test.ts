import { describe, expect, test } from 'vitest';
import { SharedCache } from '../../src/remote-keys/shared-cache.ts';

describe('a cache with shares', () => {
  function filled(capacity: number, sharesOf: Readonly<Record<string, number>>): SharedCache<string> {
    const cache = new SharedCache<string>(capacity);
    for (const [owner, count] of Object.entries(sharesOf)) {
      for (let key = 0; key < count; key++) cache.set(owner, `${owner} ${key}`, 'value');
    }
    return cache;
  }

  test('an owner with many entries evicts only its own', () => {
    const cache = filled(10, { small: 2, large: 1000 });
    expect(cache.use('small', 'small 0')).toBe('value');
    expect(cache.use('small', 'small 1')).toBe('value');
    expect(cache.use('large', 'large 991')).toBeUndefined();
    expect(cache.use('large', 'large 992')).toBe('value');
  });

  test('an owner with few entries finds room in the largest share', () => {
    const cache = filled(10, { large: 10, small: 2 });
    expect(cache.use('small', 'small 0')).toBe('value');
    expect(cache.use('large', 'large 1')).toBeUndefined();
    expect(cache.use('large', 'large 2')).toBe('value');
  });

  test('one owner alone may use all of it, and loses what it used longest ago', () => {
    const cache = filled(10, { only: 10 });
    cache.use('only', 'only 0');
    cache.set('only', 'only 10', 'value');
    expect(cache.use('only', 'only 0')).toBe('value');
    expect(cache.use('only', 'only 1')).toBeUndefined();
  });

  test('what two use stays when one of them loses it', () => {
    const cache = filled(10, { small: 1 });
    cache.set('large', 'small 0', 'another');
    for (let key = 0; key < 100; key++) cache.set('large', `large ${key}`, 'value');
    expect(cache.use('small', 'small 0')).toBe('value');
    cache.delete('small', 'small 0');
    expect(cache.use('small', 'small 0')).toBeUndefined();
  });

  test('with as many owners as entries, the one that was used longest ago makes room', () => {
    const cache = filled(3, { a: 1, b: 1, c: 1 });
    cache.use('a', 'a 0');
    cache.set('d', 'd 0', 'value');
    expect(cache.use('a', 'a 0')).toBe('value');
    expect(cache.use('b', 'b 0')).toBeUndefined();
  });
});
