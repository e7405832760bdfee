package dev.zhulong.serve;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.Encoder;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.infer.cpu.CpuEncoder;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.UnaryOperator;

/** A small BERT of random weights that knows a few words and all letters, on the CPU engine, and all that serves it. */
final class TinyBert implements AutoCloseable {
    static final int CONTEXT = 48;
    static final int HIDDEN = 32;
    static final List<String> WORDS = List.of("the", "lamp", "was", "lit", "in", "berlin", "by", "anna", "smith", ".", ",", "?", "who", "harbour", "keeper", "##s");

    private final SentenceEncoder encoder;
    final EncoderTokenizer tokenizer;
    final Encoder network;
    final ServedEncoder served;

    TinyBert(Path directory, int waiting) {
        this(directory, waiting, UnaryOperator.identity());
    }

    /** @param around what the network is put into */
    TinyBert(Path directory, int waiting, UnaryOperator<Encoder> around) {
        encoder = SentenceEncoder.open(directory, folder -> {
            try (ModelDirectory files = ModelDirectory.open(folder)) {
                return around.apply(CpuEncoder.load(files, Optional.empty(), 1));
            }
        });
        tokenizer = encoder.tokenizer();
        network = encoder.network();
        served = new ServedEncoder("tiny", "cpu f32", encoder, waiting);
    }

    /** With mean pooling that is normalized, a limit of 16 tokens and two prompts, in sentence-transformers' layout. */
    static Path sentences(Path directory) throws IOException {
        write(directory, UnaryOperator.identity());
        Files.createDirectories(directory.resolve("1_Pooling"));
        Files.writeString(directory.resolve("modules.json"), """
                [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                 {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]""");
        Files.writeString(directory.resolve("1_Pooling/config.json"), "{\"word_embedding_dimension\": " + HIDDEN + ", \"pooling_mode_mean_tokens\": true}");
        Files.writeString(directory.resolve("sentence_bert_config.json"), "{\"max_seq_length\": 16, \"do_lower_case\": false}");
        Files.writeString(directory.resolve("config_sentence_transformers.json"), "{\"prompts\": {\"query\": \"who: \", \"passage\": \"the lamp \"}}");
        return directory;
    }

    /** Writes one with a head. */
    static Path write(Path directory, UnaryOperator<EncoderSpec> head) throws IOException {
        List<String> vocabulary = new ArrayList<>(List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"));
        vocabulary.addAll(WORDS);
        for (char c = 'a'; c <= 'z'; c++) {
            vocabulary.add(String.valueOf(c));
            vocabulary.add("##" + c);
        }
        var ids = new StringBuilder();
        for (int i = 0; i < vocabulary.size(); i++) {
            ids.append(i == 0 ? "" : ", ").append('"').append(vocabulary.get(i)).append("\": ").append(i);
        }
        var added = new StringBuilder();
        for (int i = 0; i < 5; i++) {
            added.append(i == 0 ? "" : ", ").append("{\"id\": ").append(i).append(", \"content\": \"").append(vocabulary.get(i))
                    .append("\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}");
        }
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [%s],
                 "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
                 "pre_tokenizer": {"type": "BertPreTokenizer"},
                 "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
                 "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
                 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {%s}}}
                """.formatted(added, ids));
        var layer = new Layer(new Attention(2, 2, 16, true, true, false, 0), new Mlp.Dense(64, Activation.GELU, false, true));
        var stack = new Stack(HIDDEN, Collections.nCopies(2, layer), Norm.LAYER, 1e-12, NormPlace.AFTER, new Positions.Learned(0), CONTEXT);
        EncoderSpec spec = head.apply(new EncoderSpec((EncoderFamily) Family.of("bert"), stack, vocabulary.size(), 2, 0, new EncoderSpec.Head.None()));
        var random = new Random(5);
        var entries = new ArrayList<SafetensorsWriter.Entry>();
        for (Parameter p : Parameters.of(spec)) {
            float[] values = new float[Math.toIntExact(p.count())];
            for (int i = 0; i < values.length; i++) {
                values[i] = (p.init() == Parameter.Init.ONE ? 1 : 0) + 0.3f * (float) random.nextGaussian();
            }
            entries.add(SafetensorsWriter.Entry.of(p.name(), p.shape(), values));
        }
        Files.writeString(directory.resolve("config.json"), HfConfig.write(spec, StorageType.F32));
        SafetensorsWriter.write(directory.resolve("model.safetensors"), Map.of("format", "pt"), entries);
        return directory;
    }

    @Override
    public void close() {
        served.close();
        encoder.close();
    }
}
