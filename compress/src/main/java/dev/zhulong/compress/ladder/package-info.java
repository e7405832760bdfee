/**
 * Makes a model as small as was asked for without letting it fall below a floor of quality: ways to do it are tried from the cheapest on, and each is judged on text that none of them
 * has seen.
 */
package dev.zhulong.compress.ladder;
