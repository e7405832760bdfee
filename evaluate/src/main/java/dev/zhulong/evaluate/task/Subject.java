package dev.zhulong.evaluate.task;

import dev.zhulong.infer.LanguageModel;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatEncoder;
import java.util.SortedMap;

/**
 * What is measured.
 *
 * @param name     what reports call it
 * @param model    the engine
 * @param tokenizer of the model
 * @param chat     its chat template
 * @param identity what tells it from every other: hashes of the weights, the adapter and the template; part of the key that kept answers
 *                 are found by
 */
public record Subject(String name, LanguageModel model, Tokenizer tokenizer, ChatEncoder chat, SortedMap<String, String> identity) {}
