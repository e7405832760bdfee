/** Benchmarks: beside the house, free to see all of it. */
package dev.zhulong.bench;
