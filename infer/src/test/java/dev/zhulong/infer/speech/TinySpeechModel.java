package dev.zhulong.infer.speech;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.NetworkFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;

/** A Whisper of a few thousand random weights with windows of one second, three languages and a token for each byte. */
public final class TinySpeechModel {
    /** Of the encoder: each stands for 0.02 seconds. */
    static final int POSITIONS = 50;
    static final int END = 256;
    static final int START = 257;
    static final int ENGLISH = 258;
    static final int TRANSLATE = 261;
    static final int TRANSCRIBE = 262;
    static final int PREVIOUS = 263;
    static final int NO_SPEECH = 264;
    static final int NO_TIMES = 265;
    static final int FIRST_TIME = 266;
    static final int VOCAB = FIRST_TIME + POSITIONS + 1;

    private TinySpeechModel() {}

    /** Writes one into a directory. */
    public static Path write(Path directory, long seed) {
        try {
            Files.createDirectories(directory);
            ObjectNode config = object().put("model_type", "whisper").put("vocab_size", VOCAB).put("d_model", 16).put("num_mel_bins", 80);
            for (String half : new String[] {"encoder", "decoder"}) {
                config.put(half + "_layers", 2).put(half + "_attention_heads", 2).put(half + "_ffn_dim", 24);
            }
            config.put("max_source_positions", POSITIONS).put("max_target_positions", 40).put("pad_token_id", END).put("eos_token_id", END).put("bos_token_id", END);
            config.put("decoder_start_token_id", START);
            var spec = (EncoderDecoderSpec) Family.of("whisper").read(new JsonFields(Path.of("config.json"), "", config));
            try (EncoderDecoder model = EncoderDecoder.random(spec, seed)) {
                var random = new SplittableRandom(seed);
                model.parameters().forEach((name, tensor) -> tensor.write_(to -> {
                    boolean norm = name.contains("norm.weight");
                    for (long i = 0; i < tensor.elements() && !name.contains("encoder.embed_positions"); i++) {
                        to.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) ((norm ? 1 : 0) + 0.3 * random.nextGaussian()));
                    }
                }));
                NetworkFiles.save(model, directory, StorageType.F32);
            }
            Files.writeString(directory.resolve("tokenizer.json"), JsonFields.text(tokenizer()));
            Files.writeString(directory.resolve("generation_config.json"), JsonFields.text(generation()));
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ObjectNode object() {
        return JsonNodeFactory.instance.objectNode();
    }

    private static ObjectNode generation() {
        ObjectNode json = object().put("decoder_start_token_id", START).put("eos_token_id", END).put("pad_token_id", END).put("no_timestamps_token_id", NO_TIMES);
        json.put("is_multilingual", true).put("max_initial_timestamp_index", 10);
        json.putObject("lang_to_id").put("<|en|>", ENGLISH).put("<|de|>", ENGLISH + 1).put("<|zh|>", ENGLISH + 2);
        json.putObject("task_to_id").put("transcribe", TRANSCRIBE).put("translate", TRANSLATE);
        json.putArray("suppress_tokens").add(1).add(START).add(ENGLISH).add(ENGLISH + 1).add(ENGLISH + 2).add(TRANSLATE).add(TRANSCRIBE).add(PREVIOUS).add(NO_SPEECH);
        json.putArray("begin_suppress_tokens").add(220).add(END);
        json.putArray("alignment_heads").addArray().add(1).add(0);
        return json;
    }

    /** Bytes as GPT-2 spells them, no merges, and the tokens with a meaning. */
    private static ObjectNode tokenizer() {
        ObjectNode json = object().put("version", "1.0");
        json.putNull("truncation").putNull("padding").putNull("normalizer");
        ArrayNode added = json.putArray("added_tokens");
        String[] marks = {"<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|zh|>", "<|translate|>", "<|transcribe|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"};
        for (int i = 0; i < marks.length; i++) {
            add(added, END + i, marks[i], true);
        }
        for (int i = 0; i <= POSITIONS; i++) {
            add(added, FIRST_TIME + i, String.format(Locale.ROOT, "<|%.2f|>", i * 0.02), false);
        }
        json.putObject("pre_tokenizer").put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", true);
        json.putNull("post_processor");
        json.putObject("decoder").put("type", "ByteLevel").put("add_prefix_space", true).put("trim_offsets", true).put("use_regex", true);
        ObjectNode model = json.putObject("model").put("type", "BPE");
        model.putNull("dropout").putNull("unk_token").put("continuing_subword_prefix", "").put("end_of_word_suffix", "").put("fuse_unk", false).put("byte_fallback", false);
        ObjectNode vocab = model.putObject("vocab");
        char hidden = 0x100;
        for (int b = 0; b < 256; b++) {
            boolean visible = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
            vocab.put(String.valueOf(visible ? (char) b : hidden++), b);
        }
        model.putArray("merges");
        return json;
    }

    private static void add(ArrayNode added, int id, String content, boolean special) {
        added.addObject().put("id", id).put("content", content).put("single_word", false).put("lstrip", false).put("rstrip", false).put("normalized", !special).put("special", special);
    }
}
