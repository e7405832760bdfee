package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.infer.Encoder;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.infer.TorchEncoder;
import dev.zhulong.infer.cpu.CpuEncoder;
import dev.zhulong.serve.TestServer.Answer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code /v1/embeddings} over an encoder. */
class VectorsComeAsTheDirectorySaysTest {
    private static final Path MINILM = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared/assets/all-MiniLM-L6-v2").normalize();
    private static final String EMBED = "/v1/embeddings";
    @TempDir
    static Path directory;
    private static TinyBert model;
    private static TestServer server;

    @BeforeAll
    static void start() throws IOException {
        model = new TinyBert(TinyBert.sentences(directory), 64);
        server = new TestServer(model.served, ServerOptions.local(0));
    }

    @AfterAll
    static void stop() {
        server.close();
        model.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "torch"})
    void aRealEncoderGivesItsPublishedVectors(String engine) throws IOException {
        assumeTrue(Files.isDirectory(MINILM), MINILM + " is not there");
        JsonNode golden = TestServer.parsed(Files.readString(MINILM.resolve("golden.json")));
        try (var encoder = SentenceEncoder.open(MINILM, engine.equals("cpu") ? VectorsComeAsTheDirectorySaysTest::onCpu : TorchEncoder::load);
                var served = new ServedEncoder("minilm", engine, encoder, 64); var real = new TestServer(served, ServerOptions.local(0))) {
            var body = Json.object();
            var texts = body.putArray("input");
            golden.forEach(each -> texts.add(each.get("text").textValue()));
            Answer answer = real.raw(EMBED, Json.bytes(body));
            assertThat(answer.status()).as(answer.body()).isEqualTo(200);
            Answer base64 = real.raw(EMBED, Json.bytes(body.put("encoding_format", "base64")));
            int tokens = 0;
            for (int i = 0; i < golden.size(); i++) {
                JsonNode expected = golden.get(i).get("embedding");
                float[] vector = vector(answer, i);
                assertThat(vector).hasSize(384);
                for (int d = 0; d < vector.length; d++) {
                    assertThat(vector[d]).as("number %d of %s", d, golden.get(i).get("text")).isCloseTo(expected.get(d).floatValue(), within(1e-5f));
                }
                assertThat(decoded(base64, i)).containsExactly(vector);
                JsonNode ids = golden.get(i).get("ids");
                tokens += ids.isArray() ? ids.size() : ids.intValue();
            }
            assertThat(answer.json().at("/usage/prompt_tokens").intValue()).isEqualTo(tokens);
            Answer tooLong = real.raw(EMBED, Json.bytes(body.put("truncate", false)));
            assertThat(tooLong.status()).isEqualTo(400);
            assertThat(tooLong.error()).contains("more than the 256", "context_length_exceeded");
        }
    }

    private static Encoder onCpu(Path folder) {
        try (ModelDirectory files = ModelDirectory.open(folder)) {
            return CpuEncoder.load(files, Optional.empty(), 2);
        }
    }

    private static float[] vector(Answer answer, int index) {
        JsonNode entry = answer.json().get("data").get(index);
        assertThat(entry.get("index").intValue()).isEqualTo(index);
        float[] vector = new float[entry.get("embedding").size()];
        for (int i = 0; i < vector.length; i++) {
            vector[i] = Float.parseFloat(entry.get("embedding").get(i).asText());
        }
        return vector;
    }

    private static float[] decoded(Answer answer, int index) {
        byte[] bytes = Base64.getDecoder().decode(answer.json().get("data").get(index).get("embedding").textValue());
        float[] vector = new float[bytes.length / Float.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(vector);
        return vector;
    }

    private static float[] of(String more) {
        Answer answer = server.post(EMBED, "{" + more + "}");
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        return vector(answer, 0);
    }

    @Test
    void idsAreTakenAsTheyAre() {
        JsonNode ids = server.post("/tokenize", "{'text':'The lamps, lit','add_special':true}").json().get("tokens");
        assertThat(ids.get(0).intValue()).isEqualTo(2);
        assertThat(ids.get(ids.size() - 1).intValue()).isEqualTo(3);
        assertThat(of("'input':" + ids)).containsExactly(of("'input':'The lamps, lit'"));
        assertThat(of("'input':[" + ids + "]")).containsExactly(of("'input':['The lamps, lit']"));
        JsonNode plain = server.post("/tokenize", "{'text':'The lamps, lit'}").json();
        assertThat(plain.get("count").intValue()).isEqualTo(ids.size() - 2);
        assertThat(of("'input':" + plain.get("tokens"))).isNotEqualTo(of("'input':" + ids));
        assertThat(server.post("/detokenize", "{'tokens':" + ids + "}").json().get("text").textValue()).contains("lamps");
    }

    @Test
    void whatIsLongerThanTheModelReadsIsCutOrRefused() {
        String longer = "the lamp ".repeat(40);
        assertThat(of("'input':'" + longer + "'")).containsExactly(of("'input':'" + longer + "and the harbour'"));
        Answer answer = server.post(EMBED, "{'input':['the','" + longer + "']}");
        assertThat(answer.json().at("/usage/prompt_tokens").intValue()).isEqualTo(3 + 16);
        Answer refused = server.post(EMBED, "{'input':'" + longer + "','truncate':false}");
        assertThat(refused.status()).isEqualTo(400);
        assertThat(refused.error()).contains("input has 82 tokens, more than the 16").contains("context_length_exceeded");
        assertThat(server.post(EMBED, "{'input':" + "[5".concat(",5".repeat(16)) + "]}").error()).contains("17 tokens, more than the 16");
    }

    @Test
    void aPromptStandsBeforeTheText() {
        assertThat(of("'input':'berlin','prompt_name':'query'")).containsExactly(of("'input':'who: berlin'"));
        assertThat(of("'input':'berlin'")).isNotEqualTo(of("'input':'berlin','prompt_name':'query'"));
        Answer wrong = server.post(EMBED, "{'input':'berlin','prompt_name':'other'}");
        assertThat(wrong.status()).isEqualTo(400);
        assertThat(wrong.error()).contains("there is no prompt 'other'; the model has query, passage");
    }

    @Test
    void fewerDimensionsAreTheFirstOfThemMadeALengthOfOne() {
        float[] whole = of("'input':'the harbour'");
        float[] first = of("'input':'the harbour','dimensions':8");
        assertThat(first).hasSize(8);
        double length = 0;
        for (int i = 0; i < 8; i++) {
            length += (double) whole[i] * whole[i];
        }
        for (int i = 0; i < 8; i++) {
            assertThat(first[i]).isCloseTo((float) (whole[i] / Math.sqrt(length)), within(1e-6f));
        }
        assertThat(of("'input':'the harbour','dimensions':32")).containsExactly(whole);
        for (String wrong : new String[] {"0", "-1", "33", "1.5", "'8'"}) {
            Answer answer = server.post(EMBED, "{'input':'the harbour','dimensions':" + wrong + "}");
            assertThat(answer.status()).as(wrong).isEqualTo(400);
            assertThat(answer.error()).contains("dimensions must be a whole number from 1");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{'input':[]}", "{'input':3}", "{'input':[[]]}", "{'input':[99]}", "{'input':[-1]}", "{'input':{'text':'a'}}", "{'input':'a','encoding_format':'hex'}",
        "{'input':'a','truncate':'no'}", "{'input':'a','prompt_name':3}", "{'input':'a','precision':'low'}"})
    void whatIsWrongIsRefused(String body) {
        Answer answer = server.post(EMBED, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.json().at("/error/type").textValue()).isEqualTo("invalid_request_error");
    }
}
