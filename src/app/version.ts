import manifest from '../../package.json' with { type: 'json' };

/** The version of this program: that of its package. */
export const { version } = manifest;
