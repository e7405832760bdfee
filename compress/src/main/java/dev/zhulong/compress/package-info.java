/**
 * Models made smaller: {@link dev.zhulong.compress.Quantization} writes one with fewer bits a weight, {@link dev.zhulong.compress.Measurement}
 * says what that cost.
 */
package dev.zhulong.compress;
