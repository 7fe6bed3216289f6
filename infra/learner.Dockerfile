# The learner of a stage: `millrace learner` on Debian 13, whose Node.js is 20.19. The context is the folder of Millrace's package, in
# node_modules of a project or this repository; the experiment comes from the bucket, the credentials from the task's role, so that
# the image holds neither.
#
#   docker build -f infra/learner.Dockerfile --build-arg ENGINE=onnxruntime-cuda .
#
# ENGINE is onnxruntime-cpu, onnxruntime-cuda or tfjs-node-gpu. CUDA comes from NVIDIA's own packages on the Python index, pinned by
# hash, and not from NVIDIA's images: those are Ubuntu's, whose Node.js is too old. The driver comes from the machine, as always.
ARG BASE=debian:trixie-slim
FROM ${BASE}
ARG ENGINE=onnxruntime-cpu

WORKDIR /opt/millrace
COPY package.json ./
COPY infra/learner/ ./infra/learner/
RUN ./infra/learner/install.sh ${ENGINE}
COPY examples/ ./examples/
COPY dist/ ./dist/

# The engine that this image has the libraries of; what the machine's driver gives to the container.
ENV MILLRACE_ENGINE=${ENGINE} NODE_ENV=production
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

USER millrace
WORKDIR /home/millrace
# tini passes SIGTERM on (a spot notice, a stop) and collects what the learner's processes leave.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "node", "/opt/millrace/dist/cli/main.js"]
CMD ["learner"]
