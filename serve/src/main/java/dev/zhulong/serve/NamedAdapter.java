package dev.zhulong.serve;

import dev.zhulong.infer.LanguageModel;
import dev.zhulong.text.chat.ChatEncoder;

/**
 * An adapter that clients may ask for in place of the model.
 *
 * @param name    by which
 * @param adapter put on the sequence
 * @param encoder of its own template, or else the model's
 */
record NamedAdapter(String name, LanguageModel.Adapter adapter, ChatEncoder encoder) {}
