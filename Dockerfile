# Zhulong in a container:
#   docker build -t zhulong .
#   docker run --rm -p 8080:8080 -v "$PWD/runs/first:/model:ro" zhulong serve --model /model --host 0.0.0.0
# Without Intel's MKL (NOTICE), which the cpu engine has no need of.

FROM maven:3-eclipse-temurin-25 AS build
# libraries inside the folder are copied beside the build by the launcher: what runs is in target/zhulong alone
ENV ZHULONG_BUILD="-DnoMkl -Dmaven.repo.local=/zhulong/.m2"
WORKDIR /zhulong
COPY . .
# the first call builds
RUN ./zhulong --help > /dev/null

FROM eclipse-temurin:25-jdk
# the same words as above: a build of others would not be taken
ENV ZHULONG_BUILD="-DnoMkl -Dmaven.repo.local=/zhulong/.m2"
WORKDIR /zhulong
COPY --from=build /zhulong/zhulong ./
COPY --from=build /zhulong/target/zhulong ./target/zhulong
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["./zhulong"]
CMD ["serve", "--help"]
