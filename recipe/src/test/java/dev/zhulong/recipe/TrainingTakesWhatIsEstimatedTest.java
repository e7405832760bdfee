package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.data.pack.PairBatch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.Network;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.HeadOfEncoder;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.Objective;
import dev.zhulong.train.Optimizer;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.SequenceToSequence;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.TrainStep;
import dev.zhulong.train.schedule.Constant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Peak resident memory of processes that train, above what they took before there was a model: the estimate of each kind of network is within a fifth of it. */
class TrainingTakesWhatIsEstimatedTest {
    private static final int SEQ = 128;
    private static final int VOCAB = 8000;
    private static final String ENCODER = "{'model_type': 'bert', 'hidden_size': 256, 'num_hidden_layers': 6, 'num_attention_heads': 4, 'intermediate_size': 1024, 'vocab_size': 8000,"
            + " 'max_position_embeddings': 512, 'type_vocab_size': 2}";
    private static final String BOTH = "{'model_type': 'bart', 'd_model': 256, 'encoder_layers': 4, 'decoder_layers': 4, 'encoder_attention_heads': 4, 'decoder_attention_heads': 4,"
            + " 'encoder_ffn_dim': 1024, 'decoder_ffn_dim': 1024, 'vocab_size': 8000, 'max_position_embeddings': 512, 'pad_token_id': 1, 'bos_token_id': 0, 'eos_token_id': 2,"
            + " 'decoder_start_token_id': 2}";
    private static final String DECODER = "{'model_type': 'llama', 'hidden_size': 256, 'num_hidden_layers': 6, 'num_attention_heads': 4, 'intermediate_size': 1024, 'vocab_size': 8000,"
            + " 'max_position_embeddings': 512, 'tie_word_embeddings': false}";

    @TempDir
    Path temporary;

    private static NetworkSpec spec(String kind) throws IOException {
        JsonNode config = new ObjectMapper().readTree((kind.equals("encoder") ? ENCODER : kind.equals("both") ? BOTH : DECODER).replace('\'', '"'));
        NetworkSpec spec = Family.of(config.get("model_type").asText()).read(new JsonFields(Path.of(kind), "", (ObjectNode) config));
        return spec instanceof EncoderSpec encoder ? encoder.withClasses(List.of("a", "b"), EncoderSpec.Problem.SINGLE_LABEL) : spec;
    }

    @ParameterizedTest
    @CsvSource({"encoder, 32, false", "both, 16, true", "decoder, 16, false"})
    void ofEachKindOfNetwork(String kind, int rows, boolean recompute) throws Exception {
        assumeTrue(ChildJvm.knowsPeak(), "needs Linux's /proc");
        Path result = temporary.resolve("peak");
        Path log = temporary.resolve("log");
        Process child = ChildJvm.startMeasured(Child.class, log.toFile(), kind, Integer.toString(rows), Boolean.toString(recompute), result.toString());
        assertThat(child.waitFor(400, TimeUnit.SECONDS)).as("the process ended").isTrue();
        assertThat(child.exitValue()).as(Files.readString(log)).isZero();
        double measured = Long.parseLong(Files.readString(result));
        double estimated = TrainingMemory.pretraining(spec(kind), rows, SEQ, false, recompute).total();
        System.out.printf("%s: measured %.0f MB above idle, estimated %.0f MB%n", kind, measured * 1e-6, estimated * 1e-6);
        assertThat(estimated).isCloseTo(measured, withinPercentage(20));
    }

    /** Arguments: kind of network, rows, whether blocks are run again, and where to write the peak above idle. */
    public static final class Child {
        public static void main(String[] arguments) throws IOException {
            Tensor.zeros(DType.F32, 16).close();
            long idle = ChildJvm.peak();
            int rows = Integer.parseInt(arguments[1]);
            boolean recompute = Boolean.parseBoolean(arguments[2]);
            var random = new SplittableRandom(1);
            switch (spec(arguments[0])) {
                case EncoderSpec spec -> {
                    Encoder model = Encoder.random(spec, 1);
                    List<EncoderRow> inputs = new ArrayList<>();
                    for (int i = 0; i < rows; i++) {
                        inputs.add(new EncoderRow(ids(random), new int[SEQ], new int[] {i % 2}));
                    }
                    train(model, new HeadOfEncoder(model), EncoderBatch.of(inputs, spec.padId(), false), recompute);
                }
                case VisionSpec spec -> throw new AssertionError(spec);
                case EncoderDecoderSpec spec -> {
                    EncoderDecoder model = EncoderDecoder.random(spec, 1);
                    List<PairBatch.Pair> pairs = new ArrayList<>();
                    for (int i = 0; i < rows; i++) {
                        pairs.add(new PairBatch.Pair(ids(random), ids(random)));
                    }
                    train(model, new SequenceToSequence(model, 0.1), PairBatch.of(pairs, spec.ids().pad()), recompute);
                }
                case DecoderSpec spec -> {
                    Decoder model = Decoder.random(spec, 1);
                    var batch = new Batch(rows, SEQ);
                    for (int i = 0; i < rows * SEQ; i++) {
                        batch.tokens()[i] = random.nextInt(VOCAB);
                        batch.targets()[i] = random.nextInt(VOCAB);
                        batch.positions()[i] = i % SEQ;
                    }
                    train(model, new NextToken(model), batch, recompute);
                }
            }
            Files.writeString(Path.of(arguments[3]), Long.toString(ChildJvm.peak() - idle));
        }

        private static int[] ids(SplittableRandom random) {
            return random.ints(SEQ, 3, VOCAB).toArray();
        }

        private static <B> void train(Network model, Objective<B> objective, B batch, boolean recompute) {
            model.requiresGrad(true);
            var settings = new AdamW.Settings(0.9, 0.95, 1e-8, 0.1);
            var options = new TrainOptions(2, 1, new Constant(3e-4, 0, 2), 1, settings, recompute, 0, 0, 0, 0, 1);
            try (Optimizer optimizer = settings.of(model.trainable(), model.decayed())) {
                var step = new TrainStep<>(model, objective, new TrainData<>(i -> batch, List.of()), options, optimizer, Ranks.ALONE);
                for (int i = 0; i < 2; i++) {
                    step.run(i, i);
                }
            }
        }
    }
}
