package dev.zhulong.data.tune;

import dev.zhulong.text.chat.SupervisedTokens;

/**
 * A sequence to train on, and what it was made from.
 *
 * @param source    name of the data source
 * @param where     file and row
 * @param tokens    ids and which of them are learnt
 * @param truncated whether its end was cut off, the end mark with it
 */
public record SupervisedDocument(String source, String where, SupervisedTokens tokens, boolean truncated) { }
