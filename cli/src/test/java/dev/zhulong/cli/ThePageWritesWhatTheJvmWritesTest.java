package dev.zhulong.cli;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.SimpleFileServer;
import dev.zhulong.edge.EdgeModel;
import dev.zhulong.edge.EdgeSampler;
import dev.zhulong.edge.EdgeWriter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code export --edge} writes, in a browser without a window. */
class ThePageWritesWhatTheJvmWritesTest {
    private static final Path COMPILED = Path.of("../target/zhulong/page");
    private static final long MOST_CODE = 100_000;
    private static final String IDS = """
            ([file, prompt, temperature, seed]) => new Promise((done, failed) => {
              const worker = new Worker('zhulong.js'), ids = [];
              worker.onmessage = ({data}) => {
                if (data.loaded) worker.postMessage({write: {prompt, tokens: 30, temperature, topK: 0, topP: 0.95, minP: 0, seed}});
                else if (data.id !== undefined) ids.push(data.id);
                else if (data.error) failed(new Error(data.error));
                else done(ids);
              };
              worker.onerror = e => failed(new Error(e.message));
              worker.postMessage({load: file});
            })""";

    @TempDir
    static Path temporary;

    private static Path model;
    private static Path folder;
    private static HttpServer server;
    private static Playwright playwright;
    private static Browser browser;

    @BeforeAll
    static void export() throws IOException {
        assumeTrue(Files.exists(COMPILED.resolve("zhulong.wasm")), "the page's decoder was never compiled: ./zhulong export --edge does it");
        Path chromium = Stream.of("chromium", "chromium-browser", "google-chrome").flatMap(name -> Stream.of(System.getenv("PATH").split(":")).map(place -> Path.of(place, name)))
                .filter(Files::isExecutable).findFirst().orElse(null);
        assumeTrue(chromium != null, "chromium is missing: the page is not opened");
        System.setProperty(EdgePageFiles.PROPERTY, COMPILED.toString());
        model = TinyModel.write(temporary.resolve("tiny"));
        folder = temporary.resolve("page");
        Cli.run("export", "--edge", "--model", model, "--to", "q4_0", "--out", folder).done();
        server = SimpleFileServer.createFileServer(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), folder.toAbsolutePath(), SimpleFileServer.OutputLevel.NONE);
        server.start();
        playwright = Playwright.create(new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
        browser = playwright.chromium().launch(new BrowserType.LaunchOptions().setExecutablePath(chromium).setArgs(List.of("--no-sandbox")));
    }

    @AfterAll
    static void stop() {
        System.clearProperty(EdgePageFiles.PROPERTY);
        if (playwright != null) {
            playwright.close();
        }
        if (server != null) {
            server.stop(0);
        }
    }

    private static Page open() {
        Page page = browser.newPage();
        page.navigate("http://127.0.0.1:" + server.getAddress().getPort() + "/index.html");
        return page;
    }

    private static List<Integer> ids(Path gguf, String prompt, double temperature, long seed) throws IOException {
        var edge = new EdgeModel(Files.readAllBytes(gguf));
        var writer = new EdgeWriter(edge, new EdgeSampler(temperature, 0, 0.95, 0, seed), edge.tokenizer().sequence(prompt));
        List<Integer> ids = new ArrayList<>();
        while (ids.size() < 30 && writer.next() != null) {
            ids.add(writer.token());
        }
        return ids;
    }

    @Test
    void idsAreTheJvms() throws IOException {
        Path gguf = folder.resolve("model.gguf");
        Page page = open();
        for (String prompt : List.of("The lamp", "", "naïve 烛龙 🐉 it's 1234")) {
            assertThat(page.evaluate(IDS, List.of("model.gguf", prompt, 0, 0))).isEqualTo(ids(gguf, prompt, 0, 0));
            assertThat(page.evaluate(IDS, List.of("model.gguf", prompt, 0.8, 7))).isEqualTo(ids(gguf, prompt, 0.8, 7));
        }
        page.close();
    }

    @Test
    void realWeightsWriteTheSameIds() throws IOException {
        Path real = Cli.shared("assets/stories15M/stories15M.Q4_0.gguf");
        Files.copy(real, folder.resolve("stories.gguf"));
        Page page = open();
        assertThat(page.evaluate(IDS, List.of("stories.gguf", "Once upon a time", 0, 0))).isEqualTo(ids(real, "Once upon a time", 0, 0));
        page.close();
    }

    @Test
    void thePageWritesAndSaysWhatIsWrong() throws IOException {
        Page page = open();
        assertThat(page.locator("#write")).isEnabled();
        page.fill("#prompt", "The lamp");
        page.fill("#temperature", "0");
        page.fill("#tokens", "12");
        page.click("#write");
        assertThat(page.locator("#status")).containsText("tokens/s");
        String written = Cli.run("generate", "--model", folder.resolve("model.gguf"), "--prompt", "The lamp", "--greedy", "--max-new-tokens", 12, "--echo").done().out();
        assertThat(page.locator("#text").textContent().stripTrailing()).isEqualTo(written.stripTrailing());
        page.setInputFiles("#file", Files.write(temporary.resolve("broken.gguf"), new byte[] {'G', 'G', 'U', 'F', 3}));
        assertThat(page.locator("#status")).containsText("not a GGUF file that can be used here");
        page.close();
    }

    @Test
    void theCodeIsSmall() {
        assertThat(Stream.of("index.html", "zhulong.js", "zhulong.wasm").mapToLong(name -> folder.resolve(name).toFile().length()).sum()).isLessThan(MOST_CODE);
    }

    @Test
    void theFolderSaysHowItIsUsed() {
        assertThat(folder.resolve("README.md")).content().contains("noCompress", "zhulong-edge.jar", "jwebserver");
        assertThat(folder.resolve("zhulong-edge.jar")).isNotEmptyFile();
    }

    @Test
    void whatAPageCannotRunIsRefusedInOneLine() throws IOException {
        Path gguf = temporary.resolve("five.gguf");
        Cli.run("quantize", "--model", model, "--to", "q5_0", "--no-measure", "--out", gguf).done();
        Cli refused = Cli.run("export", "--edge", "--model", gguf, "--out", temporary.resolve("refused"));
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err().strip().lines().filter(line -> line.startsWith("zhulong: "))).singleElement().asString().contains("five.gguf", "q4_0");
        assertThat(temporary.resolve("refused")).doesNotExist();
        assertThat(Cli.run("export", "--edge", "--runtime", "--model", gguf, "--out", temporary.resolve("refused")).code()).isEqualTo(2);
    }
}
