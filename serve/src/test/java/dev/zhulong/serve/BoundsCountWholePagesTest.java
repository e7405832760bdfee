package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.kernels.KvPages;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory for keys and values comes in pages: what is not asked for is what there is room for, whatever number of tokens was given. */
class BoundsCountWholePagesTest {
    @TempDir
    static Path directory;

    @ParameterizedTest
    @ValueSource(longs = {1, 40, 63, 64, 65, 100, 127, 128, 129, 1000, 1023, 1500, 1 << 20})
    void whatIsNotAskedForIsWhatThereIsRoomFor(long tokens) throws Exception {
        try (var model = new TinyModel(directory, new SchedulerOptions(2, 8, tokens, 64, true)); TestServer server = new TestServer(model.served, ServerOptions.local(0))) {
            int room = (int) Math.min(TinyModel.CONTEXT, Math.max(KvPages.PAGE, tokens / KvPages.PAGE * KvPages.PAGE));
            var answer = server.post("/v1/chat/completions", "{'messages':[{'role':'user','content':'hi'}],'temperature':0,'ignore_eos':true}");
            assertThat(answer.status()).as(answer.body()).isEqualTo(200);
            assertThat(answer.json().at("/usage/total_tokens").asInt()).isEqualTo(room);
            assertThat(server.post("/v1/chat/completions", "{'messages':[{'role':'user','content':'hi'}],'temperature':0,'max_tokens':1000000,'ignore_eos':true}").json()
                    .at("/usage/total_tokens").asInt()).isEqualTo(room);
            assertThat(server.get("/v1/models").json().at("/data/0/context_length").asInt()).isEqualTo(room);
        }
    }
}
