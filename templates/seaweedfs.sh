# Starts SeaweedFS with only its S3 port in reach of others, and makes the buckets: NAME=versioned, NAME=plain.
umask 077
key() { sed 's/[\\"]/\\&/g' "$1" | tr -d '\n'; }
printf '{"identities":[{"name":"mlstack","credentials":[{"accessKey":"%s","secretKey":"%s"}],"actions":["Admin","Read","Write","List","Tagging"]}]}' \
  "$(key "$ACCESS_KEY_FILE")" "$(key "$SECRET_KEY_FILE")" > /tmp/s3.json
shell() { printf '%s\n' "$1" | weed shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888 2>&1; }
versioning() { shell "s3.bucket.versioning -name $1" | grep -q 'Versioning: Enabled'; }
bucket() {
  shell s3.bucket.list | grep -q "^  $1[[:space:]]" || shell "s3.bucket.create -name $1"
  case $2 in
    versioned) versioning "$1" || shell "s3.bucket.versioning -name $1 -enable"; versioning "$1" ;;
    *) ! versioning "$1" || shell "s3.bucket.versioning -name $1 -suspend"; shell s3.bucket.list | grep -q "^  $1[[:space:]]" ;;
  esac
}
(
  until wget -q -O /dev/null http://127.0.0.1:8333/healthz; do sleep 0.5; done
  for pair in "$@"; do until bucket "${pair%=*}" "${pair#*=}"; do sleep 1; done; done
  : > /tmp/ready
) &
exec weed -logtostderr=true server -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3.ip.bind=0.0.0.0 \
  -master.telemetry=false -master.electionTimeout=1s -master.volumeSizeLimitMB=1024 -volume.max=0 -volume.preStopSeconds=1 \
  -filer -s3 -s3.config=/tmp/s3.json -s3.port.iceberg=0 -s3.port.lance=0 \
  -s3.autoCreateBucket=false -s3.allowDeleteBucketNotEmpty=false
