/** Inputs of encoders: texts and pairs with their special tokens, segments and spans, windows over long texts, and what labels of words become. */
package dev.zhulong.text.encode;
