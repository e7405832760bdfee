/**
 * CPU kernels in Java: products with quantised weights and the other operations of a decoder's step, on the Vector API. Needs
 * {@code --add-modules jdk.incubator.vector} and C2; no native library.
 */
package dev.zhulong.kernels;
