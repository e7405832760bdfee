/**
 * Models made smaller: {@link dev.zhulong.compress.Quantization} writes one with fewer bits a weight, {@link dev.zhulong.compress.Measurement}
 * says what that cost. What takes parts away is in {@code compress.prune}.
 */
package dev.zhulong.compress;
