package dev.zhulong.serve;

import dev.zhulong.infer.LanguageModel;
import dev.zhulong.text.chat.ChatEncoder;
import java.util.List;

/**
 * An adapter that clients may ask for in place of the model.
 *
 * @param name     by which
 * @param adapter  put on the sequence
 * @param encoder  of its own template, or else the model's
 * @param eosIds   ids that end a text
 * @param turnEnds ids that end a turn of a conversation, those that end a text among them
 */
record NamedAdapter(String name, LanguageModel.Adapter adapter, ChatEncoder encoder, List<Integer> eosIds, List<Integer> turnEnds) {}
